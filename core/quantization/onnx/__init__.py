"""8-bit ONNX: static (QDQ), dynamic and weight-only quantization."""
