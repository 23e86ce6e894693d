"""ONNX models as data: what is in a file, its graph, and rewrites that do not need to run it."""
