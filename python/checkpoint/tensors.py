"""Described tensors -> tensors: every claim is held against the bytes that the file has."""

import math
from typing import Any

import torch
from torch import Tensor

from checkpoint.description import Storages, storage_of
from safe_pickle.reader import Call, Refused

# Functions whose calls describe a tensor, and a parameter, which is one.
TENSOR = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
PARAMETER = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
_MOST_DIMENSIONS = 16
_LARGEST_NUMBER = 1 << 40  # in a shape; PyTorch's own arithmetic overflows beyond 2^63


class Tensors:
    """The tensors of one checkpoint; ``budget`` bounds the bytes of all, and of their storages.

    Each storage is read once, and tensors in one share it, as they did when they were saved.
    """

    def __init__(self, storages: Storages, budget: int):
        self._storages, self._unread, self._left = storages, budget, budget
        self._flat: dict[tuple[str, torch.dtype], Tensor] = {}

    def tensor(self, value: Any) -> Tensor | None:
        """Return the tensor that ``value`` describes; None where it describes none.

        Raises ``Refused`` where shape, strides and storage do not fit each other, or all tensors
        together have more values than the file.
        """
        # A parameter is made of a tensor; a hostile one of a parameter, without end.
        if isinstance(value, Call) and value.function.name in PARAMETER and value.arguments:
            value = value.arguments[0]
        if not isinstance(value, Call) or value.function.name not in TENSOR:
            return None
        if len(value.arguments) < 4:
            return None
        storage, offset, shape, strides = value.arguments[:4]
        key, dtype, count = storage_of(storage)
        numbers = (offset, *_numbers(shape), *_numbers(strides))
        if len(shape) != len(strides) or not all(
            type(n) is int and 0 <= n < _LARGEST_NUMBER for n in numbers
        ):
            raise Refused("a tensor in it has a damaged shape")
        last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        # Equal strides could make a large tensor of a small storage.
        if math.prod(shape) > count or last >= max(count, 1):
            raise Refused("a tensor in it is larger than its storage")
        self._left -= math.prod(shape) * dtype.itemsize
        if self._left < 0:
            raise Refused("its tensors have more values than the file")
        if math.prod(shape) == 0:
            return torch.empty(shape, dtype=dtype)
        return self._storage(key, dtype, count).as_strided(shape, strides, offset).contiguous()

    def _storage(self, key: str, dtype: torch.dtype, count: int) -> Tensor:
        flat = self._flat.get((key, dtype))
        if flat is None or len(flat) != count:
            size = count * dtype.itemsize
            self._unread -= size
            if self._unread < 0:
                raise Refused("its storages have more values than the file")
            data = bytearray(self._storages(key, size))
            if len(data) < size:
                raise Refused("it is cut short")
            flat = self._flat[key, dtype] = torch.frombuffer(data, dtype=dtype, count=count)
        return flat


def _numbers(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, tuple) or len(value) > _MOST_DIMENSIONS:
        raise Refused("a tensor in it has a damaged shape")
    return value
