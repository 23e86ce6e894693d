"""Work in other processes: subprocess calls with a deadline, background tasks, and what crosses between them."""
