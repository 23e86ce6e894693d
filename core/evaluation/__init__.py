"""Evaluation of the new files against the source on the same test samples: outputs, accuracy, latency."""
