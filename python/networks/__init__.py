"""The networks. ``NET=x`` is the file ``x.py`` beside this one, with a function ``build()``.

A constant ``COLOUR`` beside it is the order of the channels that it is trained on, "bgr" if absent.
"""

import importlib
from pathlib import Path

from torch import nn

from common.errors import ChainError


def names() -> list[str]:
    """Return the names that ``build`` accepts, sorted."""
    return sorted(p.stem for p in Path(__file__).parent.glob("[a-z]*.py"))


def build(name: str) -> nn.Module:
    """Return the network ``name`` with freshly initialised parameters, in training mode.

    Raises ``ChainError`` for a name that has no file.
    """
    if name not in names():
        raise ChainError(f"NET={name} is unknown; choose one of: {' '.join(names())}")
    return importlib.import_module(f"networks.{name}").build()
