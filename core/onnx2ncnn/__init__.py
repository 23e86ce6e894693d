"""ONNX to ncnn without pnnx: every operator that ncnn's layers can express, one function each."""
