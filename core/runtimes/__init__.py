"""Inference: onnxruntime and ncnn behind one Predictor protocol."""
