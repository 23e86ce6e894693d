"""ONNX files as data: inspection, graph helpers, cost, and rewrites that do not run the model."""
