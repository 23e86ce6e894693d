"""From a PyTorch checkpoint to ONNX: an environment of its own, a worker inside it, and the app's side of both."""
