"""INT8: the images it is calibrated on, the layers that lose most, the model on disk."""
