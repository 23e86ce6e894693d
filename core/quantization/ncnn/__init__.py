"""8-bit ncnn, by EdgePress itself or by the official ncnn tools."""
