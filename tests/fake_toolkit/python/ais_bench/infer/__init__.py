"""Inference of .om files from the command line (__main__) and from Python (interface)."""
