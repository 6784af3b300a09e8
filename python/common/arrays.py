"""Reading the .npy files that steps leave; a header is held against the file before it is believed.

Format: NEP 1, as numpy.save writes it, of plain numbers.
"""

import math
import re
from pathlib import Path

import numpy as np

from common.errors import ChainError

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 1 << 12  # bytes; numpy.save writes 128
_HEADER = re.compile(
    rb"\{'descr': '([|<][biuf][1248])', 'fortran_order': (False|True), "
    rb"'shape': \(((?:\d{1,15}, ?)*(?:\d{1,15})?)\), \} *\n"
)
_MOST_DIMENSIONS = 8


def read_npy(
    path: Path, kinds: str = "biuf", ndim: int | None = None, mapped: bool = False
) -> np.ndarray:
    """Return the array in the .npy file ``path``: in memory, writable, or ``mapped``, read-only.

    ``kinds`` are those that its numbers may be of (``numpy.dtype.kind``), ``ndim`` how many
    dimensions it has; None: any. Memory is the file's size. Raises ``ChainError`` where it holds
    anything else, or more or less than its header says; ``OSError`` where it cannot be read.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        head = file.read(10)
        length = int.from_bytes(head[8:10], "little")
        whole = head[:7] == _MAGIC + b"\1" and len(head) == 10 and length <= _LONGEST_HEADER
        found = _HEADER.fullmatch(file.read(length)) if whole else None
        if not found:
            raise ChainError(f"{path} is not an array of numbers; remove it and run make again.")
        dtype = np.dtype(found[1].decode())
        shape = tuple(int(n) for n in found[3].replace(b",", b" ").split())
        if size != 10 + length + math.prod(shape) * dtype.itemsize:
            raise ChainError(
                f"{path} has {size:,} bytes, which its header contradicts; remove it and run make "
                "again."
            )
        if (
            dtype.kind not in kinds
            or ndim not in (None, len(shape))
            or len(shape) > _MOST_DIMENSIONS
        ):
            raise ChainError(
                f"{path} holds {dtype} {shape}, which is not what belongs there; remove it and run "
                "make again."
            )
        order = "F" if found[2] == b"True" else "C"
        if mapped and math.prod(shape):  # of nothing there is no map
            return np.memmap(path, dtype, "r", 10 + length, shape, order)
        values = np.fromfile(file, dtype, math.prod(shape))
    if values.size != math.prod(shape):  # cut short while it was read
        raise ChainError(f"{path} changed while it was read; run make again.")
    return values.reshape(shape, order=order)
