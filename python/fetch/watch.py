"""A transfer under watch: however a server answers, it ends."""

from collections.abc import Callable
from pathlib import Path

from common import limits
from common.errors import FetchError

PERIOD = 60.0  # seconds between two looks at what has come
LEAST = 64 << 10  # bytes that come in a period: 1 KiB a second
PATIENCE = 3  # periods in a row with less; waits that a server asks for fit in
DEADLINE = 4 * 3600.0  # seconds for one source in all


def watched(fetch: Callable[[], None], partial: Path, largest: int) -> None:
    """Run ``fetch``, which writes ``partial`` and files beside it whose names begin so.

    Raises what it raises, and ``FetchError`` after ``PATIENCE`` periods that brought less than
    ``LEAST`` bytes each, after ``DEADLINE`` seconds, or where the file has more than ``largest``
    bytes. It runs in a process of its own: a server can hold one in a read for ever.
    """
    seen, slow, looks = _size(partial), 0, 0

    def look() -> None:
        nonlocal seen, slow, looks
        size, looks = _size(partial), looks + 1
        slow = slow + 1 if size - seen < LEAST else 0
        seen = size
        if size > largest:
            raise FetchError(too_large(largest))
        if slow >= PATIENCE:
            raise FetchError(f"its server sent less than {LEAST >> 10} KiB a minute")
        if looks * PERIOD >= DEADLINE:
            hours = f"{DEADLINE / 3600:.0f} hours"
            raise FetchError(f"it did not end in {hours}; run make again to go on")

    if limits.apart(fetch, look, PERIOD).status:
        raise FetchError("the process that fetched it came to no end of its own")


def too_large(largest: int) -> str:
    """Say in a clause that a file has more than ``largest`` bytes."""
    return f"the file is larger than {largest >> 20:,} MiB"


def _size(partial: Path) -> int:
    return sum(p.stat().st_size for p in partial.parent.glob(f"{partial.name}*") if p.is_file())
