"""Running a model: onnxruntime and ncnn behind one Predictor protocol."""
