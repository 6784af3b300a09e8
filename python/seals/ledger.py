"""What this process has read and written so far, which is what its next product is made of."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from common.checksum import sha256
from common.errors import ChainError
from seals.seal import Rotten, Seal, Unsealed, check, digest, make_command, name_of

_CODE = Path(__file__).resolve().parents[1]
_made_of: dict[str, str] = {}
_sources: dict[str, str] = {}
_seen: dict[str, list[int]] = {}
# For each file that anything read so far was made of: its SHA-256, and who says so.
_known: dict[str, tuple[str, str]] = {}


def made(text: str) -> Path:
    """Return the product ``text`` of an earlier step, checked against its seal.

    For command lines: ``type=made``. A path where nothing is comes back as it is. Raises
    ``ChainError`` where it is rotten or has no seal, or where it and what was read before were made
    of different versions of one file.
    """
    path = Path(text)
    if path.exists():
        _add(path, check(path))
    return path


def brought(text: str) -> Path:
    """Return the file ``text`` that a person brought, and remember what it holds.

    Where a step made it (make bin, make demo), it must be as that wrote it; else as for ``made``.
    """
    path = Path(text)
    if path.is_file():
        try:
            seal = check(path, moved=True)
        except Unsealed:
            seal = None
        except Rotten as error:
            raise ChainError(
                f"{error} If it was replaced on purpose, remove its seal in {path.parent}/.seal."
            ) from None
        _remember(name_of(path), seal.sha256 if seal else digest(path), str(path))
        _sources[name_of(path)] = _made_of[name_of(path)] = _known[name_of(path)][0]
        stat = path.stat()
        _seen[name_of(path)] = [stat.st_size, stat.st_mtime_ns]
    return path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of ``path``, as ``made`` or ``brought`` found it if they have read it."""
    return _known[name_of(path)][0] if name_of(path) in _known else digest(path)


def identity(values: dict[str, Any]) -> str:
    """Return the SHA-256 of ``values``, all that was read so far, and the project's modules.

    What one run left is another's only where all of that is the same.
    """
    code = {str(p.relative_to(_CODE)): sha256(p) for p in sorted(_CODE.rglob("*.py"))}
    of = json.dumps([values, _made_of, code], sort_keys=True, allow_nan=False)
    return hashlib.sha256(of.encode()).hexdigest()


def _add(path: Path, seal: Seal) -> None:
    for name, found in (seal.sources | seal.made_of | {seal.name: seal.sha256}).items():
        _remember(name, found, str(path))
    _made_of[seal.name] = seal.sha256
    _sources.update(seal.sources)
    _seen.update(seal.seen)


def _remember(name: str, found: str, source: str) -> None:
    before, whose = _known.setdefault(name, (found, source))
    if before != found:
        raise ChainError(
            f"{whose} and {source} are of different versions of {name}; run touch {name} and make "
            "again."
        )


def seal_for(path: Path, found: str, parts: dict[str, str], kept: bool) -> Seal:
    """Return the seal of the product ``path`` of this process, whose SHA-256 is ``found``.

    ``parts`` are its further files. If it is ``kept``, what is written later is made of it as well.
    """
    name = name_of(path)
    of = {key: value for key, value in _made_of.items() if key != name}
    if kept:
        _made_of[name] = found
    step = Path(sys.argv[0]).stem
    return Seal(name, found, step, make_command(), of, dict(_sources), parts, dict(_seen))
