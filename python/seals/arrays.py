"""Writing arrays as products."""

from pathlib import Path

import numpy as np

from seals.products import product


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write and seal ``array`` in NumPy's .npy format, without pickled objects."""
    with product(path) as temporary:
        np.save(temporary, array, allow_pickle=False)
