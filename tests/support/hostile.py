"""Pickles made to harm their reader: name -> (bytes, what the refusal says)."""

import os
import pickle
import struct
from typing import Any

import numpy as np


class _Calls:
    """Pickles as a call of ``function`` with ``arguments``."""

    def __init__(self, function: Any, *arguments: Any):
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple:
        return self.function, self.arguments


def _dumps(value: Any, protocol: int = 2) -> bytes:
    return pickle.dumps(value, protocol=protocol)


def _array(shape: bytes, dtype: bytes = b"u1", data: bytes = b"abc") -> bytes:
    """A set with one image that is an array, of the pickled ``shape``."""
    name = b"U" + bytes([len(dtype)]) + dtype
    return (
        b"\x80\x02](cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R"
        b"(K\x01" + shape + b"cnumpy\ndtype\n" + name + b"K\0K\x01\x87R\x89"
        b"U" + bytes([len(data)]) + data + b"tbU\x01xe]\x88a\x86."
    )


def _long(value: int) -> bytes:
    return b"\x8a\x10" + value.to_bytes(16, "little", signed=True)


TEN_BILLION = 10**10
MANY = 6_000_000

# os.system as each protocol and each opcode can ask for it.
COMMAND = "touch executed"
HOSTILE: dict[str, tuple[bytes, str]] = {
    f"os.system, protocol {p}": (_dumps(_Calls(os.system, COMMAND), p), "posix.system")
    for p in range(6)
}
HOSTILE |= {
    "os.system inside the labels": (
        _dumps(([b"a", b"b"], [_Calls(os.system, COMMAND)])),
        "posix.system",
    ),
    "eval": (_dumps(_Calls(eval, "1+1")), "__builtin__.eval"),
    "builtins.getattr": (b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.", "builtins.getattr"),
    "a dotted name": (b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.__new__\x93.", "ndarray.__new__"),
    "a class to instantiate": (b"\x80\x02csubprocess\nPopen\n)\x81.", "subprocess.Popen"),
    "an old-style instance": (b"(U\x0etouch executedios\nsystem\n.", "opcode b'i'"),
    "an old-style object": (b"(cnumpy\nndarray\no.", "opcode b'o'"),
    "an extension code": (b"\x80\x02\x82\x01.", "opcode"),
    "a persistent id": (b"\x80\x02U\x01aQ.", "outside itself"),
    "an out-of-band buffer": (b"\x80\x05\x97.", "opcode"),
    "duplication": (b"\x80\x02]2\x86.", "opcode b'2'"),
    "a call of a call": (b"\x80\x02cnumpy\nndarray\n)R)R.", "calls something"),
    "codecs other than latin1": (
        _dumps(([_Calls(__import__("_codecs").encode, "x", "zip")], [True])),
        "otherwise than as latin1",
    ),
    # Claims
    "ten billion bytes": (b"\x80\x04](\x8e" + struct.pack("<Q", TEN_BILLION), "claims 10,000,000"),
    "four billion characters": (b"\x80\x02](X\xff\xff\xff\xff", "claims 4,294,967,295"),
    "a negative length": (b"\x80\x02](T\xff\xff\xff\xffabc.", "claims -1"),
    "a number of two billion bytes": (b"\x80\x02\x8b\xff\xff\xff\x7f.", "number in it is too long"),
    "a memo index of four billion": (b"\x80\x02]r\xff\xff\xff\xff.", "holds no"),
    "a memo entry never stored": (b"\x80\x02j\xff\xff\xff\xff.", "not stored"),
    "ten billion images in an array": (_array(_long(TEN_BILLION) + b"\x85"), "claims another"),
    "a negative shape": (_array(b"J\xff\xff\xff\xff\x85"), "claims another"),
    "a shape of many dimensions": (_array(b"(" + b"K\x01" * 100 + b"t"), "other arguments"),
    "a shape that is no number": (_array(b"U\x01x\x85"), "claims another"),
    "labels as an endless array": (
        _dumps(([b"a", b"b"], np.ones(1, bool))).replace(b"K\x01\x85", b"M\xff\xff\x85"),
        "claims another",
    ),
    # Types
    "an array of objects": (_array(b"K\x03\x85", b"O8"), "'O8'"),
    "an array of floats": (_array(b"K\x03\x85", b"f4"), "'f4'"),
    "an array of a hostile type": (_array(b"K\x03\x85", b"(9999999,9999999)u1"), "elements of"),
    "an array of records": (
        _dumps((np.zeros(2, [("a", "u1")]), [True])),
        "elements of type",
    ),
    "an object array": (_dumps((np.array([b"a", b"bb"], object), [True])), "'O8'"),
    # Bombs
    "lists without end": (b"\x80\x02" + b"]" * MANY, "more objects"),
    "lists in memory without end": (b"\x80\x04" + b"]\x94" * (MANY // 2), "more objects"),
    "marks without end": (b"\x80\x02" + b"(" * MANY, "more objects"),
    "tuples in tuples": (b"\x80\x02)" + b"\x85" * 1_000_000 + b".", "holds no"),
    "lists in lists": (b"\x80\x02" + b"]" * 1_000_000 + b"a" * 999_999 + b".", "holds no"),
    "dicts in dicts": (b"\x80\x02" + b"}N" * 500_000 + b"}" + b"s" * 500_000 + b".", "holds no"),
    "calls of calls": (
        b"\x80\x02cnumpy\ndtype\nq\0q\x010" + b"h\0h\1\x85Rq\x010" * 300_000 + b"h\1.",
        "holds no",
    ),
    "a billion laughs": (
        b"\x80\x02]q\0" + b"".join(b"(h\0h\0h\0h\0tq\0" for _ in range(1000)) + b".",
        "ends in the middle|holds no",
    ),
    "a list of itself": (b"\x80\x02]q\0h\0a.", "holds no"),
    "a set of itself": (b"\x80\x02]q\0(h\0h\0eh\0\x86.", "2 images but 2 labels"),
    "a deep key": (b"\x80\x02})" + b"\x85" * 1_000_000 + b"Ns.", "holds no"),
    "a deep element type": (
        _array(b"K\x03\x85").replace(b"U\x02u1", b")" + b"\x85" * 1_000_000),
        "type 'tuple'",
    ),
    "one text encoded a million times": (
        b"\x80\x02](X\0\0\x10\0" + b"a" * (1 << 20) + b"q\0"
        b"X\x06\0\0\0latin1q\1c_codecs\nencode\nq\2"
        + b"h\2h\0h\1\x86R" * 400_000
        + b"e]\x88a\x86.",
        "repeats the same bytes",
    ),
    # Soup
    "nothing": (b"", "cut short"),
    "only its end": (b".", "in the middle"),
    "no pickle": (b"\x89PNG\r\n\x1a\n", "cannot be read"),
    "a web page": (b"<!DOCTYPE html><html></html>", "cannot be read"),
    "items without a list": (b"\x80\x02e.", "not begun"),
    "values from below a mark": (b"\x80\x02](\x85.", "where there is none"),
    "a name without end": (b"\x80\x02c" + b"a" * 1000, "does not end"),
    "names that are numbers": (b"\x80\x04K\1K\2\x93.", "not text"),
    "a state for a list": (b"\x80\x02]}b.", "state of something"),
    "an odd dictionary": (b"\x80\x02}(K\1u.", "no value"),
    "half a pair": (_dumps(([b"a", b"b"],)), "holds no"),
    "labels that are text": (_dumps(([b"a", b"b"], ["x"])), "other than true and false"),
    "labels that are two": (_dumps(([b"a", b"b"], [2])), "other than true and false"),
    "a dict": (_dumps({"images": []}), "holds no"),
    "text that is no UTF-8": (b"\x80\x02X\x01\0\0\0\xff.", "cannot be read"),
    "a number that is none": (b"Ix\n.", "cannot be read"),
}
