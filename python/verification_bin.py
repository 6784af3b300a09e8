"""The verification .bin: a pickle of (2N encoded images, N booleans), pair k being 2k and 2k+1.

The file is read with an unpickler that knows nothing but the few names such a file needs;
whatever else a pickle may ask for is refused by name and never imported.
"""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy._core import multiarray

from atomic import replacing
from errors import ChainError


class Pairs(NamedTuple):
    """``images``: 2N encoded images (bytes or 1-d uint8 arrays); ``issame``: bool (N,)."""

    images: list[Any]
    issame: np.ndarray


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """Stand in for ``_codecs.encode``, by which Python 3 writes bytes in protocol 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes are encoded as {encoding!r} instead of latin1")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _latin1,
    # Protocol 2 writes empty bytes as a call of bytes() without arguments.
    ("__builtin__", "bytes"): lambda: b"",
}
for _package in ("numpy.core", "numpy._core"):
    _ALLOWED[f"{_package}.multiarray", "_reconstruct"] = multiarray._reconstruct
    _ALLOWED[f"{_package}.multiarray", "scalar"] = multiarray.scalar
_ALLOWED["numpy", "ndarray"] = np.ndarray
_ALLOWED["numpy", "dtype"] = np.dtype


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def read(path: Path) -> Pairs:
    """Read the pairs of the verification file ``path`` without executing anything it holds.

    Raises ``ChainError`` where the file is no pickle, is truncated, asks for any name outside
    the format, or is not a pair (2N images, N booleans) with N >= 1.
    """
    with path.open("rb") as file:
        try:
            value = _Unpickler(file, encoding="bytes").load()
        except OSError:
            raise
        except Exception as error:  # a malformed pickle raises nearly anything
            reason = str(error) or type(error).__name__
            raise ChainError(
                f"{path} cannot be read as a verification .bin ({reason}); "
                "get a fresh copy or give another file with DATA=."
            ) from None
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ChainError(f"{path} holds no (images, issame) pair; give a verification .bin.")
    images, issame = value
    if not isinstance(images, (list, tuple, np.ndarray)) or len(images) == 0:
        raise ChainError(f"{path}: its first part is no list of images; give a verification .bin.")
    return Pairs(list(images), _labels(issame, len(images), path))


def _labels(issame: Any, images: int, path: Path) -> np.ndarray:
    if not isinstance(issame, (list, tuple, np.ndarray)):
        raise ChainError(f"{path}: its second part is no list of labels; give a verification .bin.")
    if len(issame) * 2 != images:
        raise ChainError(
            f"{path} has {images} images but {len(issame)} labels; "
            "a verification .bin has two images for each label."
        )
    if not all(isinstance(s, (bool, np.bool_, int, np.integer)) and s in (0, 1) for s in issame):
        raise ChainError(f"{path} has labels other than true and false; give a verification .bin.")
    return np.array([bool(s) for s in issame])


def write(path: Path, images: Sequence[bytes], issame: Sequence[bool]) -> None:
    """Write ``images`` (2N encoded images) and ``issame`` (N labels) as protocol-2 pickle."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        pickle.dump((list(images), [bool(s) for s in issame]), file, protocol=2)
