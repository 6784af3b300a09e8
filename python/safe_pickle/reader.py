"""Pickle -> plain description of what it holds. Nothing is imported, called or built.

Knows the opcodes of protocols 0 to 5 that hold data (documented in Python's pickletools), and
refuses the rest: old-style instances, extension codes, out-of-band buffers.
"""

import struct
from collections.abc import Callable, Container
from typing import Any

from safe_pickle.machine import ASKS, SMALL, Buffer, Call, External, Global, Machine, Refused

__all__ = ["ASKS", "Buffer", "Call", "External", "Global", "Refused", "load"]

# LFW as it is published takes 30,000 operations, three million pairs of pictures that are listed
# often ten million. They bound time; the bytes of the objects that are made bound memory.
MAX_OPERATIONS = 16_000_000
MAX_MADE = 160 << 20  # and an eighth of the pickle, which many small images take

_STOP = ord(".")
_U1, _U2, _U4, _U8 = (struct.Struct(f"<{c}") for c in "BHIQ")
_I4, _F8 = struct.Struct("<i"), struct.Struct(">d")


def load(
    data: Buffer, names: Container[str] | None, position: int = 0, externals: bool = False
) -> tuple[Any, int]:
    """Return the value of the pickle at ``position`` of ``data``, and the position after it.

    Numbers, text, bytes, lists, tuples and dicts come as themselves; a name as ``Global``, a
    call as ``Call``, a persistent id as ``External``. ``names`` are those it may ask for (None:
    any); with ``externals`` it may have persistent ids. Raises ``Refused`` for any other name,
    opcode, or malformed content. The value may contain itself, and may be nested deeply: walk it
    with care.
    """
    machine = Machine(data, position, names, externals)
    try:
        return _run(machine), machine.position
    except Refused:
        raise
    except (ValueError, OverflowError) as error:
        raise Refused(str(error)) from None


def _run(machine: Machine) -> Any:
    data, end = machine.data, len(machine.data)
    most = MAX_MADE + (end >> 3)
    for _ in range(MAX_OPERATIONS):
        if machine.position >= end:
            raise Refused("it is cut short")
        code = data[machine.position]
        machine.position += 1
        operation = _OPERATIONS.get(code)
        if operation is not None:
            machine.made += _COSTS[code]
            if machine.made > most:
                raise Refused("it makes more objects than such a file needs")
            operation(machine)
        elif code == _STOP:
            if len(machine.stack) != 1 or machine.marks:
                raise Refused("it ends in the middle of a value")
            return machine.stack[0]
        else:
            raise Refused(f"it uses opcode {bytes([code])!r}, which such a file does not need")
    raise Refused(f"it takes more than {MAX_OPERATIONS:,} operations")


def _constant(value: Any) -> Callable[[Machine], None]:
    return lambda m: m.push(value)


def _number(form: struct.Struct) -> Callable[[Machine], None]:
    return lambda m: m.push(m.number(form))


def _bytes(length: struct.Struct) -> Callable[[Machine], None]:
    return lambda m: m.push(m.take(m.number(length)))


def _text(length: struct.Struct) -> Callable[[Machine], None]:
    return lambda m: m.text(m.number(length))


def _recall(index: Callable[[Machine], int]) -> Callable[[Machine], None]:
    return lambda m: m.recall(index(m))


def _remember(index: Callable[[Machine], int]) -> Callable[[Machine], None]:
    return lambda m: m.remember(index(m))


def _line_number(m: Machine) -> int:
    return int(m.line())


def _stack_global(m: Machine) -> None:
    name = m.pop()
    m.find(m.pop(), name)


_BY_LETTER: dict[bytes, Callable[[Machine], Any]] = {
    b"\x80": lambda m: m.number(_U1),  # PROTO
    b"\x95": lambda m: m.number(_U8),  # FRAME: a reading hint
    b"(": lambda m: m.marks.append(len(m.stack)),
    b"0": lambda m: m.pop(),
    b"1": lambda m: m.pop_mark(),
    b"N": _constant(None),
    b"\x88": _constant(True),
    b"\x89": _constant(False),
    b"I": Machine.text_integer,
    b"L": Machine.text_integer,
    b"F": lambda m: m.push(float(m.line())),
    b"J": _number(_I4),
    b"K": _number(_U1),
    b"M": _number(_U2),
    b"G": _number(_F8),
    b"\x8a": lambda m: m.integer(m.number(_U1)),
    b"\x8b": lambda m: m.integer(m.number(_I4)),
    b"S": Machine.text_string,
    b"V": lambda m: m.push(m.text_line().decode("raw-unicode-escape")),
    b"T": _bytes(_I4),
    b"U": _bytes(_U1),
    b"B": _bytes(_U4),
    b"C": _bytes(_U1),
    b"\x8e": _bytes(_U8),
    b"\x96": _bytes(_U8),
    b"X": _text(_U4),
    b"\x8c": _text(_U1),
    b"\x8d": _text(_U8),
    b"]": lambda m: m.push([]),
    b"l": lambda m: m.push(m.pop_mark()),
    b"a": Machine.append,
    b"e": lambda m: m.extend(m.pop_mark()),
    b")": _constant(()),
    b"t": lambda m: m.push(tuple(m.pop_mark())),
    b"\x85": lambda m: m.tuple_of(1),
    b"\x86": lambda m: m.tuple_of(2),
    b"\x87": lambda m: m.tuple_of(3),
    b"}": lambda m: m.push({}),
    b"d": lambda m: (items := m.pop_mark(), m.push({}), m.store(items)),
    b"s": Machine.store_one,
    b"u": lambda m: m.store(m.pop_mark()),
    b"\x8f": lambda m: m.push([]),  # a set; its members in their order
    b"\x90": lambda m: m.extend(m.pop_mark()),
    b"\x91": lambda m: m.push(m.pop_mark()),
    b"c": lambda m: m.find(m.line().decode(), m.line().decode()),
    b"\x93": _stack_global,
    b"R": Machine.call,
    b"\x81": Machine.call,  # NEWOBJ: a class and its arguments
    b"\x92": Machine.call_with_keywords,
    b"b": Machine.build,
    b"Q": Machine.persistent,
    b"p": _remember(_line_number),
    b"q": _remember(lambda m: m.number(_U1)),
    b"r": _remember(lambda m: m.number(_U4)),
    b"\x94": _remember(lambda m: len(m.memo)),
    b"g": _recall(_line_number),
    b"h": _recall(lambda m: m.number(_U1)),
    b"j": _recall(lambda m: m.number(_U4)),
}
_OPERATIONS = {letter[0]: operation for letter, operation in _BY_LETTER.items()}
# What makes no object: Python has the values already, or they are on the stack or in the memo,
# which counts its entries itself, as calls and dicts do.
_FREE = b"\x80\x9501N\x88\x89K)aesubRpqrghj\x94\x81\x90"
_COSTS = [0 if code in _FREE else SMALL for code in range(256)]
