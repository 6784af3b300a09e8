"""Asking another program something; standard library only, and Python 3.7 for the doctor."""

from __future__ import annotations

import subprocess

from common.errors import ChainError

_TIMEOUT_S = 60


def ask(words: list[str], remedy: str) -> subprocess.CompletedProcess[str]:
    """Run ``words`` with nothing to read; return what they printed. The caller looks at the status.

    Raises ``ChainError``, which ends in ``remedy``, where the program cannot be started or does
    not end within a minute.
    """
    try:
        return subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or "it does not end"
        raise ChainError(f"{words[0]} cannot be run ({reason}); {remedy}.") from None
