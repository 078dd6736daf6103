"""From a trained network to files that others load: the SavedModel, its ONNX graphs, and the proof that they answer the same."""
