"""A stand-in for the inference tool ais_bench."""
