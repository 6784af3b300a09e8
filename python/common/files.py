"""Products appear whole or not at all: written under a temporary name, then moved into place."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


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
        if temporary.is_dir() and path.exists():
            # A directory cannot be replaced in one step; the old one is moved aside first.
            old = path.with_name(f".{path.name}.old-{os.getpid()}")
            remove(old)
            os.replace(path, old)
            os.replace(temporary, path)
            remove(old)
        else:
            os.replace(temporary, path)
    finally:
        remove(temporary)


def remove(path: Path) -> None:
    """Remove the file or directory ``path`` if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON; NaN and infinity are refused with ``ValueError``."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write ``array`` in NumPy's .npy format, without pickled objects."""
    with replacing(path) as temporary:
        np.save(temporary, array, allow_pickle=False)
