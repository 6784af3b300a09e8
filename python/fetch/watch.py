"""A transfer under watch: however a server answers, it ends."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from common.errors import FetchError

PERIOD = 60.0  # seconds between two looks at what has come
LEAST = 64 << 10  # bytes that come in a period: 1 KiB a second
PATIENCE = 3  # periods in a row with less; waits that a server asks for fit in
DEADLINE = 4 * 3600.0  # seconds for one source in all


class _TooLongError(BaseException):
    """What ends a transfer, through whatever handles exceptions on the way."""


@contextmanager
def watched(partial: Path, largest: int) -> Iterator[None]:
    """End what writes ``partial``, and files beside it whose names begin so, when it is too slow.

    Raises ``FetchError`` after ``PATIENCE`` periods that brought less than ``LEAST`` bytes each,
    after ``DEADLINE`` seconds, or where the file has more than ``largest`` bytes. Must be entered
    in the main thread: a server can hold a thread in a read that nothing but a signal ends.
    """
    seen, slow, looks, why = _size(partial), 0, 0, ""

    def look(number: int, frame: FrameType | None) -> None:
        nonlocal seen, slow, looks, why
        size, looks = _size(partial), looks + 1
        slow = slow + 1 if size - seen < LEAST else 0
        seen = size
        if size > largest:
            why = too_large(largest)
        elif slow >= PATIENCE:
            why = f"its server sent less than {LEAST >> 10} KiB a minute"
        elif looks * PERIOD >= DEADLINE:
            why = f"it did not end in {DEADLINE / 3600:.0f} hours; run make again to go on"
        if why:
            # Time to leave; then once more, should somebody have swallowed it.
            signal.setitimer(signal.ITIMER_REAL, PERIOD + 1, PERIOD)
            raise _TooLongError

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, PERIOD, PERIOD)
    try:
        yield
    except _TooLongError:
        raise FetchError(why) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def too_large(largest: int) -> str:
    """Say in a clause that a file has more than ``largest`` bytes."""
    return f"the file is larger than {largest >> 20:,} MiB"


def _size(partial: Path) -> int:
    return sum(p.stat().st_size for p in partial.parent.glob(f"{partial.name}*") if p.is_file())
