"""What everything else stands on: sentences in two languages, errors, progress, atomic files, locks, paths."""
