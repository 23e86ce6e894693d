"""From a PyTorch checkpoint to ONNX: a worker in the OpenMMLab environment, and the app's side of it."""
