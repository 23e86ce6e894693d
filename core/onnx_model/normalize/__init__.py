"""Exact rewrites of a source into plain 32-bit ONNX, in which every target finds the operators that it knows."""
