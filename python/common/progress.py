"""A progress bar on a terminal, an occasional plain line in a pipe; both with an estimate."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

# A short step says nothing; a long one, in a log, some lines.
SECONDS_BETWEEN_LINES = 10.0


def progress(
    items: Iterable[Item], total: int | None = None, unit: str = "batch"
) -> Iterator[Item]:
    """Yield from ``items``, showing on stderr how far it is.

    ``total`` is the number of items, in ``unit``, for the estimate of the time left. On a
    terminal there is a bar; elsewhere a plain line at most every ten seconds.
    """
    # What scripts/step.sh shows of a step that says nothing itself.
    if clock := os.environ.pop("STEP_CLOCK", None):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(clock), signal.SIGTERM)
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, unit=unit, leave=False)
        return
    start = last = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if done and now - last >= SECONDS_BETWEEN_LINES:
            print(f"  {_line(done, total, unit, now - start)}", file=sys.stderr, flush=True)
            last = now
        yield item


def _line(done: int, total: int | None, unit: str, seconds: float) -> str:
    a_second = done / seconds
    rate = f"{a_second:.0f} a second" if a_second >= 100 else f"{a_second:.3g} a second"
    if not total or done >= total:
        return f"{unit} {done}, {_time(seconds)}, {rate}"
    left = _time(seconds / done * (total - done))
    return (
        f"{unit} {done} of {total} ({done / total:.0%}), {_time(seconds)}, {rate}, "
        f"about {left} left"
    )


def _time(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"
