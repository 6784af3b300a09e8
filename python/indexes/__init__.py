"""Approximate search: ``INDEX=x`` is the file ``x.py`` beside this one, imported when chosen.

Such a file has a class ``Index``. Its constructor takes the dimension, the rows of the gallery and
a seeded sample of them for training, ``SAMPLE`` at most, or raises ``ChainError``; ``add`` takes
float32 (n, D) in the gallery's order; ``search`` gives rows of candidates, int64 (P, n), -1 for
none. ``parameters`` are what the record says of it.
"""

import importlib
from types import ModuleType


def load(name: str) -> ModuleType:
    """Return the module of the index ``name``."""
    return importlib.import_module(f"indexes.{name}")
