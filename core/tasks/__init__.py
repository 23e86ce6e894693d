"""What accuracy means for a model, one file a task."""
