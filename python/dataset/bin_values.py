"""What a described verification .bin holds, as values: the few forms of images and labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from safe_pickle.reader import Call, Refused

# Each name in the spelling of NumPy 1 and NumPy 2.
_RECONSTRUCT = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
_SCALAR = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
_FROM_BUFFER = ("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer")
_ENCODE = "_codecs.encode"  # by which Python 3 writes bytes in protocols 0 to 2
# Protocol 2 writes empty bytes as a call without arguments.
_EMPTY = ("__builtin__.bytes", "builtins.bytes")
_DTYPE = "numpy.dtype"
ALLOWED = frozenset(
    (*_RECONSTRUCT, *_SCALAR, *_FROM_BUFFER, *_EMPTY, _ENCODE, _DTYPE, "numpy.ndarray")
)
_DTYPES = {"u1": np.uint8, "b1": np.bool_}


class Values:
    """Turns descriptions into bytes, bools and arrays; ``budget`` bounds the bytes made.

    What is no such value raises ``Refused``.
    """

    def __init__(self, budget: int):
        self.budget = budget
        self.made: dict[int, Any] = {}  # by identity: a file may list one image many times

    def items(self, value: Any) -> Sequence[Any] | None:
        """Return the items of a described list, tuple or array; None for anything else."""
        if isinstance(value, Call):
            value = self.array(value)
        if isinstance(value, np.ndarray):
            return value
        if not isinstance(value, (list, tuple)):
            return None
        return [self.item(v) if isinstance(v, Call) else v for v in value]

    def item(self, call: Call) -> Any:
        if id(call) not in self.made:
            self.made[id(call)] = self.make(call)
        return self.made[id(call)]

    def make(self, call: Call) -> Any:
        name = call.function.name
        if name == _ENCODE:
            return self.encoded(call)
        if name in _EMPTY:
            _exactly(call.arguments, 0)
            return b""
        if name in _SCALAR:
            return self.scalar(*_exactly(call.arguments, 2))
        return self.array(call)

    def encoded(self, call: Call) -> bytes:
        text, encoding = _exactly(call.arguments, 2)
        if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
            raise Refused("bytes in it are encoded otherwise than as latin1")
        self.spend(len(text))
        try:
            return text.encode("latin1")
        except UnicodeEncodeError:
            raise Refused("bytes in it have values above 255") from None

    def spend(self, count: int) -> None:
        # One text or content of an array may be named by many calls.
        self.budget -= count
        if self.budget < 0:
            raise Refused("it repeats the same bytes until they exceed the file")

    def array(self, call: Call) -> np.ndarray:
        name = call.function.name
        if name in _RECONSTRUCT:
            _, shape, dtype, _, data = _exactly(call.state, 5)
        elif name in _FROM_BUFFER:
            data, dtype, shape, _ = _exactly(call.arguments, 4)
        else:
            raise Refused(f"it calls {name} where a value belongs")
        if isinstance(data, Call):
            if data.function.name != _ENCODE:
                raise Refused("the content of an array in it is not bytes")
            data = self.encoded(data)
        dtype = _dtype(dtype)
        if not isinstance(data, bytes):
            raise Refused("the content of an array in it is not bytes")
        (length,) = _exactly(shape, 1)
        if not isinstance(length, int) or length != len(data):
            raise Refused(f"an array in it claims another length than its {len(data):,} bytes")
        if dtype is np.bool_:  # the one kind that is copied
            self.spend(len(data))
        return np.frombuffer(data, np.uint8).astype(dtype, copy=False)

    def scalar(self, dtype: Any, data: Any) -> bool:
        if isinstance(data, Call) and data.function.name == _ENCODE:
            data = self.encoded(data)
        if _dtype(dtype) != np.bool_ or not isinstance(data, bytes) or len(data) != 1:
            raise Refused("a single value in it is not a boolean")
        return data != b"\0"


def _exactly(value: Any, count: int) -> tuple[Any, ...]:
    if not isinstance(value, tuple) or len(value) != count:
        raise Refused("a call in it has other arguments than its kind takes")
    return value


def _dtype(value: Any) -> type:
    if not isinstance(value, Call) or value.function.name != _DTYPE or not value.arguments:
        raise Refused("an array in it has no element type")
    name = value.arguments[0]
    name = name.decode("latin1") if isinstance(name, bytes) else name
    if not isinstance(name, str) or name not in _DTYPES:
        what = name[:20] if isinstance(name, str) else type(name).__name__
        raise Refused(f"an array in it has elements of type {what!r} instead of u1 or b1")
    return _DTYPES[name]
