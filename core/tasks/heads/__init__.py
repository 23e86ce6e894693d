"""The heads of detectors: how each family of models writes its boxes, one file a family."""
