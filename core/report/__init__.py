"""Write down what a job came to: for the pages, for other programs."""
