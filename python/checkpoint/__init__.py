"""PyTorch checkpoints read with tensors only, and described without loading."""
