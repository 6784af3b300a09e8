"""Where runtimes keep compiled models: beside the model, bound to its content, and checked.

A runtime may key its cache by a file's name and time alone and trust what it finds there.
Here a folder is named by a hash of the model itself, and a compiled file that is not, byte for
byte, the one that was written is removed before the runtime sees it.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.checksum import sha256
from common.files import remove, write_json

# Room for compiled models in one model folder, in bytes; the oldest go first.
LIMIT = 2 << 30
_SUMS = "sha256.json"


@contextmanager
def folder(model: Path, knobs: str) -> Iterator[Path]:
    """Yield the folder for ``model`` (graph file, with its .bin if there is one) and ``knobs``.

    What the caller leaves in it is recorded when the caller is done.
    """
    parts = [path for path in (model, model.with_suffix(".bin")) if path.exists()]
    key = "\n".join([knobs, *(sha256(part) for part in parts)])
    root = model.parent / ".cache"
    path = root / hashlib.sha256(key.encode()).hexdigest()[:16]
    path.mkdir(parents=True, exist_ok=True)
    known = _verify(path)
    yield path
    found = {entry.name: known.get(entry.name) or sha256(entry) for entry in _entries(path)}
    if found != known:
        write_json(path / _SUMS, found)
    _trim(root, path)


def _entries(path: Path) -> list[Path]:
    return [entry for entry in path.iterdir() if entry.suffix == ".blob"]


def _verify(path: Path) -> dict[str, str]:
    """Remove what was not recorded as it is now; return the checksums of the rest."""
    try:
        sums = json.loads((path / _SUMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        sums = {}
    valid = {}
    for entry in _entries(path):
        digest = sha256(entry)
        if isinstance(sums, dict) and sums.get(entry.name) == digest:
            valid[entry.name] = digest
        else:
            remove(entry)
    return valid


def _trim(root: Path, keep: Path) -> None:
    found = sorted((p for p in root.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
    sizes = {p: sum(entry.stat().st_size for entry in _entries(p)) for p in found}
    for path in found:
        if path != keep and sum(sizes.values()) > LIMIT:
            sizes.pop(path)
            remove(path)
