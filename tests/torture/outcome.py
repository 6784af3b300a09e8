"""What a trial came to."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

SURVIVED, TOLD, WRONG = "survived", "told", "wrong"


class Outcome(NamedTuple):
    """The end of one trial.

    ``kind``: ``survived`` (what was asked for, and right), ``told`` (refused by one sentence) or
    ``wrong`` (a wrong number, a traceback, no sentence, something lost or left). ``detail`` says
    in a line what was done and what came of it, ``seconds`` how long it took, ``peak_bytes`` the
    largest memory of a process in it.
    """

    kind: str
    detail: str
    seconds: float = 0.0
    peak_bytes: int = 0


def said(err: str) -> str | None:
    """Return what is wrong with the ``err`` of a program that failed; None: it is one sentence."""
    if "Traceback (most recent call last)" in err:
        return f"traceback: {err.strip().splitlines()[-1][:200]}"
    errors = [line for line in err.splitlines() if line.lstrip("\r\033[K").startswith("error: ")]
    if len(errors) != 1:
        return f"{len(errors)} sentences: {' / '.join(err.strip().splitlines()[-3:])[:300]}"
    return None


def left_over(root: Path) -> list[str]:
    """Return the temporary files below data/, model/ and result/ of the project ``root``."""
    found = []
    for folder in ("data", "model", "result"):
        found += (root / folder).rglob(".*.tmp-*")
        found += (root / folder).rglob(".*.old-*")
        # A stamp's temporary ends in the number of the process that wrote it.
        found += (p for p in (root / folder).glob(".stamp/*") if p.suffix[1:].isdigit())
    return sorted(str(path.relative_to(root)) for path in found)
