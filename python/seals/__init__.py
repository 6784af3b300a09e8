"""Seals: what a step wrote, as it wrote it, recorded beside it and checked before it is believed.

The seal of data/lfw_list.npy is data/.seal/lfw_list.npy.json. It holds the product's SHA-256 and
those of all that it was made of, up to the files that a person brought.
"""
