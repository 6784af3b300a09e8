"""The stack machine that a pickle is a program for, with nothing in it that executes.

It keeps data as data and writes down, instead of doing, what asks for code: a name becomes a
``Global``, calling it a ``Call``. Lengths are checked against the file before anything is
allocated. ``reader`` says which opcode is which operation.
"""

import codecs
import mmap
import struct
from collections.abc import Container
from typing import Any

ASKS = "it asks for"  # how the refusal of a name begins
_LONGEST_NAME = 256
_LONGEST_INTEGER = 64  # bytes
_LONGEST_LINE = 1 << 20  # of a string in the text protocol: an image has some ten KB
# Beyond this many bytes a text must be latin1, as encoded images are: one other character makes
# Python keep four bytes for each.
_LONGEST_WIDE = 1 << 20
_LATIN1 = bytes(range(0xC4))  # of UTF-8
# What Python takes for a small object with its place on the stack, and for an entry of a dict.
SMALL, ENTRY, CALL = 88, 100, 320  # bytes
_KEYS = (str, bytes, int, float, type(None))


Buffer = bytes | mmap.mmap


class Refused(ValueError):
    """The pickle is malformed, or holds what the caller does not allow."""


class Global:
    """The name of a function or class that the pickle asks for."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name


class Call:
    """A call that the pickle asks for: ``function(*arguments)``, then its ``state``.

    ``entries`` are key-value pairs and ``members`` items that were to be put into the result.
    """

    __slots__ = ("arguments", "entries", "function", "members", "state")

    def __init__(self, function: Any, arguments: Any):
        self.function, self.arguments, self.state = function, arguments, None
        self.entries: list[tuple[Any, Any]] = []
        self.members: list[Any] = []


class External:
    """A reference to something outside the pickle (torch: a tensor's storage)."""

    __slots__ = ("key",)

    def __init__(self, key: Any):
        self.key = key


class Machine:
    """The stack, the marks and the memo of a pickle in ``data``, read from ``position``.

    ``names`` are the only names that it may ask for; None: any. With ``externals`` it may refer to
    what is outside it. ``made`` counts the bytes of
    the objects that it made, besides what they hold of ``data``.
    """

    def __init__(self, data: Buffer, position: int, names: Container[str] | None, externals: bool):
        self.data, self.position, self.made = data, position, 0
        self.names, self.externals = names, externals
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def take(self, length: int) -> bytes:
        start, self.position = self.position, self.position + length
        if length < 0 or self.position > len(self.data):
            left = len(self.data) - start
            raise Refused(f"it claims {length:,} bytes where {left:,} are left")
        return self.data[start : self.position]

    def number(self, form: struct.Struct) -> Any:
        return form.unpack(self.take(form.size))[0]

    def line(self) -> bytes:
        return self.until_newline(self.position + _LONGEST_NAME, "a name or number")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        # Below a mark, values belong to what the mark began.
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise Refused("it takes a value where there is none")
        return self.stack.pop()

    def pop_mark(self) -> list[Any]:
        if not self.marks:
            raise Refused("it ends a sequence that it has not begun")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def top(self) -> Any:
        self.push(value := self.pop())
        return value

    def find(self, module: Any, name: Any) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise Refused("a name in it is not text")
        full = f"{module}.{name}"
        if len(full) > _LONGEST_NAME:
            raise Refused("a name in it is too long")
        if self.names is not None and full not in self.names:
            raise Refused(f"{ASKS} {full if full.isprintable() else repr(full)}")
        self.push(Global(full))

    def persistent(self) -> None:
        if not self.externals:
            raise Refused("it refers to something outside itself")
        self.push(External(self.pop()))

    def call(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(arguments, tuple):
            raise Refused("it calls something without arguments")
        if not isinstance(function, Global):
            if self.names is not None:
                raise Refused("it calls something that is not a name")
            function = Global("something without a name")
        self.made += CALL
        self.push(Call(function, arguments))

    def call_with_keywords(self) -> None:
        self.pop()  # nothing is called, so they are of no use
        self.call()

    def build(self) -> None:
        state, value = self.pop(), self.top()
        if not isinstance(value, Call) or value.state is not None:
            raise Refused("it sets the state of something that has none")
        value.state = state

    def extend(self, items: list[Any]) -> None:
        value = self.top()
        if isinstance(value, Call):
            value.members += items
        elif isinstance(value, list):
            value += items
        else:
            raise Refused("it appends to something that is not a list")

    def append(self) -> None:
        self.extend([self.pop()])

    def store(self, items: list[Any]) -> None:
        if len(items) % 2:
            raise Refused("a key in it has no value")
        value = self.top()
        self.made += ENTRY * len(items)
        if isinstance(value, Call):
            value.entries += zip(items[0::2], items[1::2], strict=True)
        elif isinstance(value, dict):
            # A key of another kind is kept apart: hashing a deeply nested one could overflow.
            keys = [k if isinstance(k, _KEYS) else External(k) for k in items[0::2]]
            value.update(zip(keys, items[1::2], strict=True))
        else:
            raise Refused("it stores into something that is not a dictionary")

    def store_one(self) -> None:
        value = self.pop()
        self.store([self.pop(), value])

    def tuple_of(self, count: int) -> None:
        items = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(items)))

    def integer(self, length: int) -> None:
        if length > _LONGEST_INTEGER:
            raise Refused("a number in it is too long")
        self.push(int.from_bytes(self.take(length), "little", signed=True))

    def text_integer(self) -> None:
        text = self.line().removesuffix(b"L")
        # How protocols 0 and 1 write truth values.
        self.push(text == b"01" if text in (b"00", b"01") else int(text))

    def text(self, length: int) -> None:
        raw = self.take(length)
        if length > _LONGEST_WIDE and raw.translate(None, _LATIN1):
            raise Refused("a long text in it has characters beyond latin1")
        # Python writes lone surrogates this way.
        self.push(raw.decode("utf-8", "surrogatepass"))

    def text_line(self) -> bytes:
        # The text protocol writes no lengths; a string ends with its line.
        return self.until_newline(self.position + _LONGEST_LINE, "a string")

    def until_newline(self, limit: int, what: str) -> bytes:
        start, end = self.position, self.data.find(b"\n", self.position, limit)
        if end < 0:
            raise Refused(f"{what} in it does not end")
        self.position = end + 1
        return self.data[start:end]

    def text_string(self) -> None:
        quoted = self.text_line()
        if len(quoted) < 2 or quoted[:1] not in (b"'", b'"') or quoted[-1:] != quoted[:1]:
            raise Refused("a string in it does not end")
        self.push(codecs.escape_decode(quoted[1:-1])[0])

    def remember(self, index: int) -> None:
        self.made += ENTRY
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise Refused("it refers to a value that it has not stored")
        self.push(self.memo[index])
