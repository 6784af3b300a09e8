"""Tables for the page and the Markdown: cells with the value they are sorted by."""

from dataclasses import dataclass
from typing import NamedTuple

NONE = "-"


class Bar(NamedTuple):
    """A bar of ``length`` with a line from ``low`` to ``high`` on it, in percent of the width."""

    length: float
    low: float
    high: float
    doubtful: bool


class Cell(NamedTuple):
    """``text`` as shown; ``value`` is what it is sorted by, None for words; ``note`` is said in
    small print, and ``bar`` drawn, below it.
    """

    text: str
    value: float | None = None
    note: str = ""
    bar: Bar | None = None

    @property
    def is_number(self) -> bool:
        return self.value is not None or self.text == NONE


@dataclass
class Table:
    """``columns`` are the headings of ``rows``; falsy without a row."""

    caption: str
    columns: list[str]
    rows: list[list[Cell]]

    def __bool__(self) -> bool:
        return bool(self.rows)

    @property
    def text(self) -> list[list[str]]:
        """Heading and rows as text, notes in brackets."""
        rows = [[f"{c.text} ({c.note})" if c.note else c.text for c in row] for row in self.rows]
        return [self.columns, *([text.replace("|", "\\|") for text in row] for row in rows)]


def number(value: float | None, form: str, note: str = "") -> Cell:
    """Return ``value`` in the format ``form``, e.g. ``.3f``; a dash for None."""
    return Cell(NONE, note=note) if value is None else Cell(format(value, form), value, note)


def percent(share: float | None) -> str:
    """Return a share of one as percent with two decimals: ``99.30 %``."""
    return NONE if share is None else f"{100 * share:.2f} %"


def percent_span(low: float, high: float) -> str:
    """Return two shares of one as a span of percent: ``99.08-99.50``."""
    return f"{100 * low:.2f}-{100 * high:.2f}"


def rate(share: float | None, interval: list[float] | None) -> Cell:
    """Return a share with its 95% interval, or a dash where there was nothing to count."""
    if share is None:
        return Cell(NONE)
    return Cell(percent(share), share, percent_span(*interval) if interval else "")
