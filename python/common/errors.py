"""Errors that are meant for the person at the terminal, and how a module ends on one."""

from __future__ import annotations

import sys
from collections.abc import Callable


class ChainError(Exception):
    """One sentence that names the file or value at fault and says what to do."""


class FetchError(Exception):
    """One clause that says why a source gave no file."""


def exit_with(main: Callable[[], None]) -> None:
    """Run ``main`` and exit; ``ChainError`` and ``OSError`` become one line on stderr, status 1.

    Any other exception is a bug in the project and keeps its traceback.
    """
    try:
        main()
    except ChainError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        # Library-made OSErrors may carry no errno; their text is then all there is.
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        sys.exit(f"error: {reason}; check the path, its permissions and the free disk space.")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; no product was written.")
