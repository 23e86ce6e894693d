"""The tasks of models, each in a file of its own: how outputs become predictions, and labels become classes."""
