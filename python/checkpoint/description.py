"""PyTorch checkpoint -> description of its pickle and access to its storages; nothing executes.

Knows both containers that torch.save has written: the zip archive (since PyTorch 1.6) and the
row of pickles before it.
"""

import mmap
import struct
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

import torch

from checkpoint import archive
from common.errors import ChainError
from common.files import is_zip
from safe_pickle import reader
from safe_pickle.reader import Buffer, Call, External, Global, Refused

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of the old container
_PROTO = b"\x80"  # how a pickle since protocol 2 begins
# A checkpoint has some hundred MB, with an optimizer three times as much.
LARGEST = 8 << 30
STORAGES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}

Storages = Callable[[str, int], bytes]


def load(path: Path, names: Container[str] | None = None) -> tuple[Any, Storages]:
    """Return the described content of ``path`` and a function (key, bytes) -> storage content.

    ``names`` are those that its pickle may ask for; None: any. Raises ``Refused`` for a file in
    neither container, a damaged one, or another name; ``ChainError`` where it is too large.
    """
    if path.stat().st_size > LARGEST:
        raise ChainError(f"{path} is larger than {LARGEST >> 30} GiB; save the weights alone.")
    try:
        if is_zip(path):
            return _load_zip(path, names)
        with path.open("rb") as file:
            if not file.read(1):
                raise Refused("it is not a PyTorch checkpoint")
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _load_legacy(data, names)
    except Refused:
        raise
    except (*archive.DAMAGED, struct.error) as error:
        raise Refused(f"it is damaged: {str(error) or type(error).__name__}") from None


def _load_zip(path: Path, names: Container[str] | None) -> tuple[Any, Storages]:
    size = path.stat().st_size
    opened = archive.open_archive(path)
    listed = opened.namelist()
    pickles = [n for n in listed if n.count("/") == 1 and n.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise Refused("it is a zip archive but not one of PyTorch's")
    root = pickles[0].removesuffix("data.pkl")
    order = f"{root}byteorder"
    if order in opened.NameToInfo and archive.entry(opened, order, size) != b"little":
        raise Refused("it was written on a big-endian machine")
    value, _ = reader.load(archive.entry(opened, pickles[0], size), names, externals=True)
    return value, lambda key, count: archive.entry(opened, f"{root}data/{key}", size)[:count]


def _load_legacy(data: Buffer, names: Container[str] | None) -> tuple[Any, Storages]:
    if data[:2] == b"PK":  # a zip archive without the table at its end
        raise Refused("it is cut short")
    if data[:1] != _PROTO:
        raise Refused("it is not a PyTorch checkpoint")
    magic, position = reader.load(data, ())
    if magic != _LEGACY_MAGIC:
        raise Refused("it is not a PyTorch checkpoint")
    _, position = reader.load(data, (), position)  # protocol
    system, position = reader.load(data, (), position)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refused("it was written on a big-endian machine")
    value, position = reader.load(data, names, position, externals=True)
    keys, start = reader.load(data, (), position)
    if not isinstance(keys, list):
        raise Refused("its list of storages is damaged")

    def storage(key: str, size: int) -> bytes:
        if key not in offsets:
            raise Refused(f"its storage {key:.40} is missing")
        return data[offsets[key] : offsets[key] + size]

    # Elements are counted, not bytes; the size of one is known from who refers to the storage.
    sizes = dict(_storage_sizes(value))
    offsets: dict[str, int] = {}
    for key in keys:
        if not isinstance(key, str) or key not in sizes:
            raise Refused("its list of storages is damaged")
        (count,) = struct.unpack_from("<Q", data, start)
        offsets[key] = start + 8
        start += 8 + count * sizes[key]
        if start > len(data):
            raise Refused("it is cut short")
    return value, storage


def _storage_sizes(value: Any) -> list[tuple[str, int]]:
    """Return key and element size in bytes of each storage that ``value`` refers to."""
    found, seen, left = [], set(), [value]
    while left:
        item = left.pop()
        if isinstance(item, (str, bytes, int, float)) or item is None or id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, dict):
            left += item.values()
        elif isinstance(item, (list, tuple)):
            left += item
        elif isinstance(item, Call):
            left += [item.arguments, item.state, item.entries, item.members]
        elif (
            isinstance(item, External)
            and isinstance(item.key, tuple)
            and item.key[:1] == ("storage",)
        ):
            key, dtype, _ = storage_of(item)
            found.append((key, dtype.itemsize))
    return found


def storage_of(value: Any) -> tuple[str, torch.dtype, int]:
    """Return key, type and number of elements of the storage that ``value`` refers to.

    Raises ``Refused`` where it refers to none, or to one of a kind that no checkpoint has.
    """
    key = value.key if isinstance(value, External) else None
    if not isinstance(key, tuple) or len(key) < 5 or not isinstance(key[1], Global):
        raise Refused("a tensor in it has no storage")
    _, kind, name, _, count = key[:5]
    if len(key) > 5 and key[5] is not None:
        raise Refused("a storage in it is a view of another")
    if kind.name not in STORAGES:
        raise Refused(f"a tensor in it is stored as {kind.name}")
    # A name is used as one part of an entry's path.
    if not isinstance(name, str) or not name.isalnum() or type(count) is not int or count < 0:
        raise Refused("a storage in it is damaged")
    return name, STORAGES[kind.name], count
