"""Tensors -> PyTorch checkpoint: the same tensors are the same bytes."""

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from seals.products import product


def write(state: Mapping[str, Tensor], path: Path) -> None:
    """Write ``state``, tensors by name, as the sealed product ``path``. Raises ``OSError``.

    By way of memory: given a path torch puts that name, here a temporary one, into the file, and
    of a full disk it says nothing that anybody could understand.
    """
    content = io.BytesIO()
    torch.save(state, content)
    with product(path) as temporary:
        temporary.write_bytes(content.getbuffer())
