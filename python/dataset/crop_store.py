"""Decoded crops on disk: by bcolz where it is installed, else as a plain .npy memory map.

Both are a folder with ``__attrs__``, a JSON object. A set of either form can be read, one of
bcolz's only where bcolz is.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from common.errors import ChainError
from common.imports import hidden
from common.shapes import SIDE

try:
    # A quarter of a second, for tables that are not used here.
    with hidden("pandas"):
        import bcolz
except ImportError:  # it has no wheels for aarch64, nor for Python 3.13 and later
    bcolz = None

# Images in one chunk (4.8 MB of pixels): the unit that is decoded, stored and read back.
CHUNK = 128
_ATTRIBUTES, _PLAIN, _BCOLZ = "__attrs__", "crops.npy", "meta"


class Crops(Protocol):
    """Crops, uint8 (images, 3, 112, 112), of which slices are read as they are asked for.

    ``chunklen`` is how many images are best read at a time; ``attrs`` holds what ``write`` was
    given besides.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    chunklen: int
    attrs: Any

    def __len__(self) -> int: ...

    def __getitem__(self, key: int | slice) -> np.ndarray: ...


class Plain:
    """An array in memory, or a memory map, as ``Crops``; what is read of it is a copy."""

    chunklen = CHUNK

    def __init__(self, pixels: np.ndarray, attrs: dict[str, Any] | None = None) -> None:
        self._pixels, self.attrs = pixels, attrs or {}
        self.shape, self.dtype = pixels.shape, pixels.dtype

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, key: int | slice) -> np.ndarray:
        return np.array(self._pixels[key])


def write(path: Path, count: int, blocks: Iterable[np.ndarray]) -> None:
    """Write ``blocks``, uint8 (n, 3, 112, 112), ``count`` crops in all, as the folder ``path``.

    Raises ``ChainError`` where the disk has no room for them.
    """
    needed, free = count * 3 * SIDE * SIDE, shutil.disk_usage(path.parent).free
    if needed > free:
        raise ChainError(
            f"{path.parent} has {free / 1e9:.1f} GB left, and {count:,} decoded crops take "
            f"{needed / 1e9:.1f} GB; free some, or split the set."
        )
    if bcolz:
        store = bcolz.carray(
            np.empty((0, 3, SIDE, SIDE), np.uint8),
            rootdir=str(path),
            mode="w",
            chunklen=CHUNK,
            # Decoded photographs hardly shrink; lz4 costs the least time.
            cparams=bcolz.cparams(clevel=1, cname="lz4", shuffle=bcolz.NOSHUFFLE),
        )
        for block in blocks:
            store.append(block)
        store.flush()
        return
    path.mkdir()
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, 3, SIDE, SIDE)}
    with (path / _PLAIN).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block))


def set_attributes(path: Path, attributes: dict[str, Any]) -> None:
    """Give the set ``path`` its ``attrs``."""
    (path / _ATTRIBUTES).write_text(json.dumps(attributes), encoding="utf-8")


def open_set(path: Path) -> Crops:
    """Open the set ``path`` for reading.

    Raises ``ChainError`` where it is in bcolz's form and bcolz is not installed; ``OSError``,
    ``RuntimeError``, ``KeyError`` or ``ValueError`` where it is missing or broken.
    """
    if not bcolz and (path / _BCOLZ).is_dir():
        raise ChainError(
            f"{path} was stored by bcolz, which this Python does not have; remove it and run make "
            "again."
        )
    attributes = json.loads((path / _ATTRIBUTES).read_text(encoding="utf-8"))
    if (path / _BCOLZ).is_dir():
        return bcolz.open(str(path), mode="r")
    return Plain(np.load(path / _PLAIN, mmap_mode="r", allow_pickle=False), attributes)
