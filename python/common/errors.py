"""Errors that are meant for the person at the terminal, and how a module ends on one."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import NoReturn

_LONGEST = 200  # characters of another program's text in a sentence of ours
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
# Libraries recommend to load what they have just refused, from whoever is trusted.
_UNSAFE = re.compile(r"weights_only|allow_pickle|safe_globals|pickle\.load|\btrust", re.IGNORECASE)


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return character.encode("unicode_escape").decode()


class ChainError(Exception):
    """One sentence that names the file or value at fault and says what to do.

    What files hold may be part of it: characters that a terminal would obey are spelled out.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__("".join(map(_shown, sentence)))


class FetchError(Exception):
    """One clause that says why a source gave no file."""


def plain(text: str) -> str:
    """Return ``text`` without terminal colours and control characters other than line ends."""
    return _CONTROL.sub("", text)


def reason(error: Exception | str, line: int = 0) -> str:
    """Return what another library or program said, as a clause for a sentence of ours.

    That is the ``line`` of it that counts (the first; -1: the last) without terminal colours, a
    full stop, advice to load unsafely, and what is beyond 200 characters. Never empty.
    """
    lines = [" ".join(said.split()) for said in plain(str(error)).splitlines() if said.strip()]
    sentences = re.split(r"(?<=\.) ", lines[line]) if lines else []
    clause = " ".join(s for s in sentences if not _UNSAFE.search(s)).rstrip(". ")
    if len(clause) > _LONGEST:
        clause = f"{clause[:_LONGEST]}..."
    return clause or ("no message" if isinstance(error, str) else type(error).__name__)


def exit_with(main: Callable[[], None]) -> None:
    """Run ``main`` and exit; ``ChainError`` and ``OSError`` become one line on stderr, status 1.

    Any other exception is a bug in the project and keeps its traceback.
    """
    try:
        main()
        if sys.stdout:
            sys.stdout.flush()
    except ChainError as error:
        fail(str(error))
    except BrokenPipeError:
        # Whoever read has seen enough.
        _end_output()
        sys.exit(1)
    except OSError as error:
        _end_output()
        # Library-made OSErrors may carry no errno; their text is then all there is.
        said = f"{error.filename}: {error.strerror}" if error.filename else reason(error)
        fail(f"{said}; check the path, its permissions and the free disk space.")
    except KeyboardInterrupt:
        fail("interrupted; no product was written.")


def _end_output() -> None:
    """Print what is still to be printed, or let it go nowhere: Python tries again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(sentence: str) -> NoReturn:
    """Exit with ``sentence``, on a line of its own where a step shows its time."""
    sys.exit(("\r\033[K" if sys.stderr.isatty() else "") + f"error: {sentence}")
