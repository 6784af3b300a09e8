"""A progress bar on a terminal, silence in a pipe."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(
    items: Iterable[Item], total: int | None = None, unit: str = "batch"
) -> Iterator[Item]:
    """Yield from ``items``, showing a bar on stderr where stderr is a terminal.

    ``total`` is the number of items, in ``unit``, for the estimate of the time left.
    """
    yield from tqdm(items, total=total, unit=unit, leave=False, disable=None)
