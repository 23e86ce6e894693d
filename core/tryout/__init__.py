"""One picture, run through the original and every file of a finished job, in a process that keeps them loaded."""
