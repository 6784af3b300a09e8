"""Files that people take for a PyTorch checkpoint, told by first bytes and structure."""

import os
from pathlib import Path
from typing import BinaryIO

from checkpoint import archive
from common.errors import ChainError
from common.files import is_zip
from safe_pickle.reader import Refused

# Format of an MXNet parameter file: kMXAPINDArrayListMagic and a reserved word, both 64 bits
# (src/ndarray/ndarray.cc).
_MXNET = (0x112).to_bytes(8, "little") + bytes(8)
# Fields of onnx.proto's ModelProto: all that there are, and the two that none is without.
_MODEL_FIELDS = {*range(1, 9), 14, 20, 25, 26}
_IR_VERSION, _GRAPH = 1, 7
_MOST_FIELDS = 10_000  # metadata and local functions come one a field
_VARINT, _BYTES = 0, 2  # of protobuf's wire types, the two that ModelProto needs


def refuse(path: Path) -> None:
    """Raise ``ChainError`` naming what ``path`` is and what to do, where it is known to be other.

    Known are ONNX, TorchScript, safetensors and MXNet's parameter files. Reads a few bytes of it.
    """
    if is_zip(path):
        if _is_script(path):
            raise ChainError(
                f"{path} is a TorchScript archive, not a checkpoint; save the state_dict() of its "
                "network with torch.save and give that."
            )
        return
    with path.open("rb") as file:
        start = file.read(16)
        size = os.fstat(file.fileno()).st_size
        onnx = path.suffix == ".onnx" and start[:1] != b"\x80"  # a pickle is none
        onnx = onnx or _is_onnx(file, size)
    if onnx:
        raise ChainError(
            f"{path} is an ONNX file, not a checkpoint; give it as ONNX={path} with COLOUR=, MEAN= "
            "and SCALE=."
        )
    if start == _MXNET:
        raise ChainError(
            f"{path} is an MXNet parameter file, not a PyTorch checkpoint; give the PyTorch or "
            "ONNX file of that model."
        )
    # The length of a header in JSON, and the header.
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= size - 8:
        raise ChainError(
            f"{path} is a safetensors file, not a PyTorch checkpoint; save its tensors by name "
            "with torch.save and give that."
        )


def _is_script(path: Path) -> bool:
    try:
        # What torch.load itself tells one by.
        names = archive.open_archive(path).namelist()
        return any(name.endswith("/constants.pkl") for name in names)
    except (*archive.DAMAGED, Refused):
        return False  # damaged: whoever reads it will say so


def _is_onnx(file: BinaryIO, size: int) -> bool:
    """Tell whether the fields of ``file`` are those of a ModelProto; their content is skipped."""
    seen: set[tuple[int, int]] = set()
    file.seek(0)
    for _ in range(_MOST_FIELDS):
        if file.tell() == size:
            break
        tag = _varint(file)
        number, wire = tag >> 3, tag & 7
        if number not in _MODEL_FIELDS or wire not in (_VARINT, _BYTES):
            return False
        seen.add((number, wire))
        value = _varint(file)
        if wire == _BYTES:
            if not 0 <= value <= size - file.tell():
                return False
            file.seek(value, os.SEEK_CUR)
    return {(_IR_VERSION, _VARINT), (_GRAPH, _BYTES)} <= seen


def _varint(file: BinaryIO) -> int:
    """Return the next number in protobuf's base 128; -1 where there is none."""
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            return -1
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return -1
