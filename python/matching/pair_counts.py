"""The distances of every pair of pictures, counted in two passes that hold one block of them.

The first pass counts genuine and impostor pairs in bins; the second keeps, exactly, the few
distances in those bins that hold a threshold, and what lies below each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import sparse

from common.errors import ChainError
from common.progress import progress
from matching.resampling import Multiplicities
from matching.search import squared_distances

BLOCK = 2048
# Of a squared distance, 0 to 4: a power of two a unit, so that a bin's edges are exact.
BINS_A_UNIT = 2**18
BINS = 4 * BINS_A_UNIT
# Of the second pass: 24 bytes each.
MOST_KEPT = 2**24
GENUINE, IMPOSTOR = 1, 0


class Pictures(NamedTuple):
    """``vectors``: float32 (n, D), of unit length; ``person``: int64 (n,), ascending from 0."""

    vectors: np.ndarray
    person: np.ndarray


class Kept(NamedTuple):
    """Pairs in the bins of interest: ``distance`` float64, ``a`` and ``b`` the persons, (m,)."""

    distance: np.ndarray
    a: np.ndarray
    b: np.ndarray


class _Pairs(NamedTuple):
    """The pairs of one block: ``distances`` and ``bins`` (n, m) of its rows and columns."""

    distances: np.ndarray
    bins: np.ndarray
    rows: slice
    columns: slice
    genuine: np.ndarray | None  # bool (n, m); None: none is
    upper: np.ndarray | None  # bool (n, m): each pair once; None: every one counts


def bins_of(distances: np.ndarray) -> np.ndarray:
    """Return the bin of each distance, int32: whole numbers of 1 / BINS_A_UNIT."""
    return np.minimum(distances * BINS_A_UNIT, BINS - 1).astype(np.int32)


def _blocks(pictures: Pictures, unit: str) -> Iterator[_Pairs]:
    count = len(pictures.person)
    starts = range(0, count, BLOCK)
    corners = [(row, column) for row in starts for column in starts if column >= row]
    for row, column in progress(corners, total=len(corners), unit=unit):
        rows, columns = slice(row, row + BLOCK), slice(column, column + BLOCK)
        distances = squared_distances(pictures.vectors[rows], pictures.vectors[columns])
        bins = bins_of(distances)
        a, b = pictures.person[rows], pictures.person[columns]
        genuine = a[:, None] == b if a[-1] >= b[0] else None
        upper = np.triu(np.ones(distances.shape, bool), 1) if row == column else None
        yield _Pairs(distances, bins, rows, columns, genuine, upper)


def _of_kind(pairs: _Pairs, kind: int) -> np.ndarray | None:
    """Return bool (n, m), where the pairs of ``kind`` are; None where all are."""
    if pairs.genuine is None:
        return None if kind == IMPOSTOR else np.zeros(pairs.bins.shape, bool)
    of_kind = pairs.genuine if kind == GENUINE else ~pairs.genuine
    return of_kind if pairs.upper is None else of_kind & pairs.upper


def histograms(pictures: Pictures) -> np.ndarray:
    """Return how many impostor pairs (0) and genuine ones (1) each bin holds: int64 (2, BINS)."""
    counts = np.zeros((2, BINS), np.int64)
    for pairs in _blocks(pictures, "block of the first pass"):
        for kind in (IMPOSTOR, GENUINE):
            if kind == GENUINE and pairs.genuine is None:
                continue
            chosen = _of_kind(pairs, kind)
            bins = pairs.bins.ravel() if chosen is None else pairs.bins[chosen]
            counts[kind] += np.bincount(bins, minlength=BINS)
    return counts


class Second:
    """The second pass: the pairs of both kinds in ``wanted`` bins, and those below each of ``low``.

    ``kept`` is by kind.
    """

    def __init__(
        self, pictures: Pictures, low: list[int], wanted: set[int], resamples: Multiplicities
    ) -> None:
        persons = int(pictures.person[-1]) + 1
        self.low, self.resamples = low, resamples
        self.genuine = np.zeros((len(low), persons), np.int64)
        self.impostor = np.zeros((len(low), resamples.count))
        chosen_bins = np.zeros(BINS, bool)
        chosen_bins[list(wanted)] = True
        last = max(low, default=0)
        kept: tuple[list[Kept], list[Kept]] = ([], [])
        for pairs in _blocks(pictures, "block of the second pass"):
            interesting = (pairs.bins < last) | chosen_bins[pairs.bins]
            for kind in (IMPOSTOR, GENUINE):
                if kind == GENUINE and pairs.genuine is None:
                    continue
                of_kind = _of_kind(pairs, kind)
                here = interesting if of_kind is None else interesting & of_kind
                row, column = np.nonzero(here)
                bins = pairs.bins[here]
                a, b = pictures.person[pairs.rows][row], pictures.person[pairs.columns][column]
                exact = chosen_bins[bins]
                kept[kind].append(Kept(pairs.distances[here][exact], a[exact], b[exact]))
                for k, bin_ in enumerate(low):
                    below = bins < bin_
                    if kind == GENUINE:
                        self.genuine[k] += np.bincount(a[below], minlength=persons)
                    else:
                        self.impostor[k] += weights(resamples, a[below], b[below])
        self.kept = [Kept(*map(np.concatenate, zip(*of, strict=True))) for of in kept]

    def below(self, bin_: int, threshold: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the pairs below ``threshold``, a distance in ``bin_``, which is one of ``low``.

        Genuine ones of each person, int64 (persons,); impostors in each resample, (resamples,).
        """
        k = self.low.index(bin_)
        between = [
            Kept(
                *(
                    values[(of.distance < threshold) & (bins_of(of.distance) == bin_)]
                    for values in of
                )
            )
            for of in self.kept
        ]
        genuine = np.bincount(between[GENUINE].a, minlength=self.genuine.shape[1])
        impostor = weights(self.resamples, between[IMPOSTOR].a, between[IMPOSTOR].b)
        return self.genuine[k] + genuine, self.impostor[k] + impostor


def weights(resamples: Multiplicities, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return for each resample the sum of what it makes of the pairs of persons ``a`` and ``b``.

    A pair of two persons is there as often as the product of how often each was drawn.
    """
    if not len(a):
        return np.zeros(resamples.count)
    first_a, first_b = a.min(), b.min()
    shape = (a.max() - first_a + 1, b.max() - first_b + 1)
    pairs = sparse.csr_matrix((np.ones(len(a)), (a - first_a, b - first_b)), shape=shape)
    of_a, of_b = (
        resamples.of(first, first + size)
        for first, size in zip((first_a, first_b), shape, strict=True)
    )
    return np.einsum("pr,pr->r", pairs @ of_b, of_a)


def bound_memory(counts: np.ndarray, wanted: set[int]) -> None:
    """Raise ``ChainError`` where the ``wanted`` bins hold more pairs than the second pass keeps."""
    held = int(counts[:, list(wanted)].sum())
    if held > MOST_KEPT:
        raise ChainError(
            f"{held:,} pairs are at nearly the same distance as a threshold, and {MOST_KEPT:,} is "
            "the most; the embeddings hardly differ, or there are too many: give a part of them."
        )
