"""Lists that people write: text in UTF-8, whatever the locale is, with or without a BOM."""

import codecs
import os
from pathlib import Path, PurePosixPath

from common.errors import ChainError

# A list of a million pairs has about 50 MB.
LARGEST = 256 << 20


def read(path: Path) -> str:
    """Return the text of ``path``; a byte-order mark is dropped.

    Bytes that are no UTF-8 stand as surrogates, so that ``below`` finds files whose names have
    them. Raises ``ChainError`` for a file that is no text or is too large.
    """
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ChainError(f"{path} is larger than {LARGEST >> 20} MiB; split it.")
    if b"\0" in data or data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ChainError(f"{path} is not text in UTF-8; save it as that.")
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")


def below(folder: Path, name: str) -> Path:
    """Return the file ``name``, as ``read`` gives it, in ``folder``: in any locale."""
    return folder / os.fsdecode(name.encode("utf-8", "surrogateescape"))


def name_below(folder: Path, path: Path) -> str:
    """Return the name of ``path`` in ``folder`` as ``read`` gives it: what ``below`` undoes."""
    name = path.relative_to(folder).as_posix()
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def normal(name: str, where: str) -> str:
    """Return the relative path ``name`` in its shortest spelling.

    Raises ``ChainError``, beginning with ``where``, for one that leaves its folder or is empty.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ChainError(f"{where}: {name!r} is not a path below the folder SRC=.")
    return path.as_posix()
