"""PyTorch checkpoint -> description of its pickle and access to its storages; nothing executes.

Knows both containers that torch.save has written: the zip archive (since PyTorch 1.6) and the
row of pickles before it.
"""

import math
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from safe_pickle import reader
from safe_pickle.reader import Call, External, Global, Refused

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of the old container
_PROTO = b"\x80"  # how a pickle since protocol 2 begins
_DTYPES = {
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
# Functions whose calls describe a tensor, and where in their arguments.
_TENSOR = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
_PARAMETER = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
# What zipfile raises for damaged archives; RuntimeError: an encrypted entry.
_DAMAGED = (zipfile.BadZipFile, EOFError, KeyError, RuntimeError, ValueError)

Storages = Callable[[str, int], bytes]


def load(path: Path) -> tuple[Any, Storages]:
    """Return the described content of ``path`` and a function (key, bytes) -> storage content.

    Raises ``Refused`` for a file in neither container, or a damaged one.
    """
    try:
        return _load_zip(path) if zipfile.is_zipfile(path) else _load_legacy(path.read_bytes())
    except Refused:
        raise
    except (*_DAMAGED, struct.error) as error:
        raise Refused(f"it is damaged: {str(error) or type(error).__name__}") from None


def _load_zip(path: Path) -> tuple[Any, Storages]:
    archive = zipfile.ZipFile(path)
    names = [n for n in archive.namelist() if n.count("/") == 1 and n.endswith("/data.pkl")]
    if len(names) != 1:
        raise Refused("it is a zip archive but not one of PyTorch's")
    root = names[0].removesuffix("data.pkl")

    def entry(name: str) -> bytes:
        # PyTorch stores its entries as they are; a compressed one could be a bomb.
        if name not in archive.namelist():
            raise Refused("it is cut short or damaged")
        if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
            raise Refused("it is a compressed zip archive, which PyTorch does not write")
        try:
            return archive.read(name)
        except _DAMAGED as error:
            raise Refused(f"it is damaged: {str(error) or type(error).__name__}") from None

    if f"{root}byteorder" in archive.namelist() and entry(f"{root}byteorder") != b"little":
        raise Refused("it was written on a big-endian machine")

    value, _ = reader.load(entry(names[0]), None)
    return value, lambda key, _: entry(f"{root}data/{key}")


def _load_legacy(data: bytes) -> tuple[Any, Storages]:
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
    value, position = reader.load(data, None, position)
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
            key, dtype, _ = _storage(item)
            found.append((key, dtype.itemsize))
    return found


def _storage(value: Any) -> tuple[str, torch.dtype, int]:
    key = value.key if isinstance(value, External) else None
    if not isinstance(key, tuple) or len(key) < 5 or not isinstance(key[1], Global):
        raise Refused("a tensor in it has no storage")
    _, kind, name, _, count = key[:5]
    if len(key) > 5 and key[5] is not None:
        raise Refused("a storage in it is a view of another")
    if kind.name not in _DTYPES:
        raise Refused(f"a tensor in it is stored as {kind.name}")
    # A name is used as one part of an entry's path.
    if not isinstance(name, str) or not name.isalnum() or type(count) is not int or count < 0:
        raise Refused("a storage in it is damaged")
    return name, _DTYPES[kind.name], count


def tensor(value: Any, storages: Storages) -> Tensor | None:
    """Return the tensor that ``value`` describes, a copy; None where it describes none.

    Raises ``Refused`` where shape, strides and storage do not fit each other.
    """
    if not isinstance(value, Call):
        return None
    if value.function.name in _PARAMETER and value.arguments:
        return tensor(value.arguments[0], storages)
    if value.function.name not in _TENSOR or len(value.arguments) < 4:
        return None
    storage, offset, shape, strides = value.arguments[:4]
    key, dtype, count = _storage(storage)
    numbers = (offset, *_numbers(shape), *_numbers(strides))
    if any(type(n) is not int or n < 0 for n in numbers) or len(shape) != len(strides):
        raise Refused("a tensor in it has a damaged shape")
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    # Equal strides could make a large tensor of a small storage.
    if math.prod(shape) > count or last >= max(count, 1):
        raise Refused("a tensor in it is larger than its storage")
    data = storages(key, count * dtype.itemsize)
    if len(data) < count * dtype.itemsize:
        raise Refused("it is cut short")
    if math.prod(shape) == 0:
        return torch.empty(shape, dtype=dtype)
    flat = torch.frombuffer(bytearray(data), dtype=dtype, count=count)
    return flat.as_strided(shape, strides, offset).clone(memory_format=torch.contiguous_format)


def _numbers(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, tuple) or len(value) > 16:
        raise Refused("a tensor in it has a damaged shape")
    return value
