"""The conversion of ONNX to ncnn by the program pnnx, and the rewrites that it needs."""
