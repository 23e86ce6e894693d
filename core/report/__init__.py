"""The report and the gallery of a job, for the pages and for other programs."""
