"""Conversion of ONNX to ncnn by the program pnnx, and graph rewrites for patterns that it converts wrongly."""
