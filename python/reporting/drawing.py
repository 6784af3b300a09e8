"""What the report's plots are made of, in the units of the page's template plot.svg.j2."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

# Drawn so small that 12 units of text are above 10 pixels on a telephone of 390.
WIDTH, HEIGHT = 400, 270
LEFT, RIGHT, TOP, BOTTOM = 52, 392, 10, 226


class Tick(NamedTuple):
    """A place on an axis and what is written there."""

    at: float
    text: str


class Shape(NamedTuple):
    """An SVG path: ``kind`` is its class (line, area, outline, threshold) and ``style`` the number
    of its colour, dashes and marker.
    """

    path: str
    kind: str
    style: int


class Mark(NamedTuple):
    """A marker of the ``style`` at (``x``, ``y``)."""

    x: float
    y: float
    style: int


@dataclass
class Plot:
    """``text`` says what the plot shows, with its values. ``legend`` are kinds, styles, names."""

    title: str
    text: str
    x_label: str
    y_label: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    shapes: list[Shape] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    legend: list[tuple[str, int, str]] = field(default_factory=list)


def path(x: np.ndarray, y: np.ndarray, step: bool) -> str:
    """Return an SVG path through points in units of the page; ``step``: across, then up."""
    if step:
        x, y = np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
    points = np.stack([x, y], axis=1).round(1)
    # Thousands of pairs have hundreds of places: leave out what moves neither way, then what
    # lies on a straight line across or up.
    points = points[np.r_[True, (points[1:] != points[:-1]).any(axis=1)]]
    straight = ((points[2:] == points[1:-1]) & (points[1:-1] == points[:-2])).any(axis=1)
    points = points[np.r_[True, ~straight, True][: len(points)]]
    return "M" + "L".join(f"{a:g} {b:g}" for a, b in points)


def across(share: np.ndarray | float) -> np.ndarray | float:
    """Return the x of a ``share`` of the horizontal axis, 0 to 1."""
    return LEFT + share * (RIGHT - LEFT)


def up(share: np.ndarray | float) -> np.ndarray | float:
    """Return the y of a ``share`` of the vertical axis, 0 to 1."""
    return BOTTOM - share * (BOTTOM - TOP)


def steps(low: float, high: float, most: int) -> np.ndarray:
    """Return round numbers from ``low`` to ``high``, at most ``most`` + 1 of them."""
    rough = (high - low) / most
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough * 0.999)
    return step * np.arange(round(low / step + 0.4999), high / step + 1e-9)
