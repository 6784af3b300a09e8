"""Intervals of rates over pairs of pictures, whose pairs are not independent: by person.

The subsets bootstrap (Bolle, Ratha and Pankanti, "Error analysis of pattern recognition systems:
the subsets bootstrap", Computer Vision and Image Understanding 93, 2004): persons are drawn with
replacement, each with all that it has. A genuine pair is then there as often as its person was
drawn; an impostor pair as often as the product for its two persons, as for any statistic of pairs
(Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007). Two copies of one person
are not impostors to each other.
"""

from __future__ import annotations

import numpy as np

from evaluation.metrics import LEVEL, SEED
from evaluation.threshold_card import rate

RESAMPLES = 1000


class Multiplicities:
    """How often each of ``persons`` is drawn in each of ``count`` resamples; seeded."""

    def __init__(self, persons: int, count: int = RESAMPLES) -> None:
        self.count = count
        # A byte is enough: nobody is drawn 256 times.
        self._drawn = np.empty((persons, count), np.uint8)
        random = np.random.default_rng(SEED)
        for k in range(count):
            drawn = random.integers(0, persons, persons)
            self._drawn[:, k] = np.minimum(np.bincount(drawn, minlength=persons), 255)

    def of(self, first: int, end: int) -> np.ndarray:
        """Return the multiplicities of persons ``first`` to ``end``: float64 (n, count)."""
        return self._drawn[first:end].astype(np.float64)

    def total(self, by_person: np.ndarray) -> np.ndarray:
        """Return for each resample the sum of ``by_person`` (persons,): float64 (count,)."""
        step = 4096
        return sum(
            by_person[first : first + step].astype(np.float64) @ self.of(first, first + step)
            for first in range(0, len(by_person), step)
        )

    def impostor_pairs(self, pictures: np.ndarray) -> np.ndarray:
        """Return how many impostor pairs each resample has, of ``pictures`` (persons,) each."""
        step, squares = 4096, np.zeros(self.count)
        for first in range(0, len(pictures), step):
            squares += np.square(self.of(first, first + step)).T @ np.square(
                pictures[first : first + step].astype(np.float64)
            )
        return (np.square(self.total(pictures)) - squares) / 2


def interval(part: np.ndarray, whole: np.ndarray) -> list[float] | None:
    """Return the 95% percentile interval of ``part`` / ``whole``, both (resamples,).

    Resamples without a pair are left out; None where too few remain.
    """
    there = whole > 0
    if there.mean() < LEVEL:
        return None
    ends = (50 - 50 * LEVEL, 50 + 50 * LEVEL)
    return [float(end) for end in np.percentile(part[there] / whole[there], ends)]


def interval_of_all(persons: int) -> list[float] | None:
    """Return the interval of a rate of 1, where resampling shows no spread: that of ``persons``
    who were all accepted, exactly (Clopper and Pearson)."""
    return rate(persons, persons)[1]
