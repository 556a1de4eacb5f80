"""Score clips with a checkpoint or an ONNX file."""
