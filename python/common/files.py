"""Files appear whole or not at all: written under a temporary name, then moved into place."""

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.errors import ChainError, reason

# Of a folder with more files than this the whole system is synced: each alone would take longer.
_MANY = 256


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; on success it replaces ``path``, else it is removed.

    The name keeps the suffix of ``path`` (some writers append theirs otherwise) and may be
    used for a file or a directory. Missing parent directories are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.tmp-{os.getpid()}{path.suffix}")
    remove(temporary)
    try:
        yield temporary
        sync(temporary)
        if temporary.is_dir() and path.exists():
            # A directory cannot be replaced in one step; the old one is moved aside first.
            old = path.with_name(f".{path.name}.old-{os.getpid()}")
            remove(old)
            os.replace(path, old)
            try:
                os.replace(temporary, path)
            except OSError:
                os.replace(old, path)
                raise
            remove(old)
        else:
            os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        # What was written to an open file does not say which.
        if error.errno and not error.filename:
            error.filename = str(path)
        elif not error.errno:
            raise ChainError(
                f"{path} could not be written ({reason(error)}); check the free disk space."
            ) from None
        raise
    finally:
        remove(temporary)


def sync(path: Path) -> None:
    """Return once the content of the file or folder ``path`` is on the disk.

    What is renamed before that can be found empty after a loss of power.
    """
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    if len(files) > _MANY:
        os.sync()
        return
    for file in files:
        _sync(file)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Remove the file or directory ``path`` if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def is_zip(path: Path) -> bool:
    """Return whether ``path`` is a zip archive as far as its end says, of one part."""
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # Python 3.11 raises for one that claims several
        return False


def as_json(value: Any) -> str:
    """Return ``value`` as indented JSON; NaN and infinity are refused with ``ValueError``."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as ``as_json`` has it."""
    with replacing(path) as temporary:
        temporary.write_text(as_json(value), encoding="utf-8")
