"""Whole photographs -> aligned crops: the detector, the choice of a face, the alignment."""
