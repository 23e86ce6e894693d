"""Used everywhere: sentences in two languages, errors, progress, atomic files, locks, paths."""
