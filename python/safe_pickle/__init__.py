"""Pickles read as plain descriptions: nothing in them is imported, called or built."""
