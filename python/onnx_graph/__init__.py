"""ONNX files: stored with shared weights, compared, counted, turned into PyTorch."""
