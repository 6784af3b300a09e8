"""Where runtimes keep compiled models: beside the model, bound to its content, and checked.

A runtime may key its cache by a file's name and time alone and trust what it finds there.
Here a folder is named by a hash of the model itself, and a compiled file that is not, byte for
byte, the one that was written there is removed before the runtime sees it.
"""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.checksum import sha256
from common.errors import ChainError
from common.files import remove
from seals.products import seal
from seals.seal import check, place

# Room for compiled models in one model folder, in bytes; the oldest go first.
LIMIT = 2 << 30


@contextmanager
def folder(model: Path, knobs: str) -> Iterator[Path]:
    """Yield the folder for ``model`` (graph file, with its .bin if there is one) and ``knobs``.

    What the caller leaves in it is sealed when the caller is done.
    """
    parts = [path for path in (model, model.with_suffix(".bin")) if path.exists()]
    key = "\n".join([knobs, *(sha256(part) for part in parts)])
    root = model.parent / ".cache"
    path = root / hashlib.sha256(key.encode()).hexdigest()[:16]
    path.mkdir(parents=True, exist_ok=True)
    known = [entry for entry in _entries(path) if _sound(entry)]
    yield path
    for entry in _entries(path):
        if entry not in known:
            seal(entry, entry, kept=False)
    _trim(root, path)


def _entries(path: Path) -> list[Path]:
    return [entry for entry in path.iterdir() if entry.suffix == ".blob"]


def _sound(entry: Path) -> bool:
    """Return whether ``entry`` is as it was written; it is removed where it is not."""
    try:
        check(entry)
    except ChainError:
        print(f"note: {entry} is not as it was written; it is compiled anew.", file=sys.stderr)
        remove(entry)
        remove(place(entry))
        return False
    return True


def _trim(root: Path, keep: Path) -> None:
    found = sorted((p for p in root.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
    sizes = {p: sum(entry.stat().st_size for entry in _entries(p)) for p in found}
    for path in found:
        if path != keep and sum(sizes.values()) > LIMIT:
            sizes.pop(path)
            remove(path)
