"""The command line: three thin commands over the core."""
