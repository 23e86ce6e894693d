"""The command line: three commands, which parse options, call the core and print its results."""
