"""The nearest embeddings of a gallery: exactly, by a blocked matrix product, or of candidates."""

from __future__ import annotations

import numpy as np

from collection.embeddings import Collection
from common.progress import progress

# Rows of a block on either side: 4,096 x 1,024 distances are 32 MiB.
GALLERY_BLOCK, PROBE_BLOCK = 4096, 1024
# The numbers of an embedding are rounded to multiples of 2**-26. The product of two embeddings of
# unit length, and each part of its sum, then is a multiple of 2**-52 below 2, which float64 holds
# without rounding: however a BLAS adds, the distance is the same, and equal pictures are equally
# far. It differs by some 1e-8 from that of the unrounded numbers, two engines' by 1e-6.
SCALE = 2.0**26


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return 2 - 2ab, float64 (n, m), of rows of unit length: ``a`` (n, D), ``b`` (m, D)."""
    return _distances(_whole(a) @ _whole(b).T)


def _whole(vectors: np.ndarray) -> np.ndarray:
    scaled = vectors.astype(np.float64)
    scaled *= SCALE
    return np.rint(scaled, out=scaled)


def _distances(products: np.ndarray) -> np.ndarray:
    products *= -2 / SCALE**2
    products += 2
    # A length of 1 + 1e-7 would make it negative.
    return np.maximum(products, 0, out=products)


class Nearest:
    """The ``count`` nearest of each probe so far: ``distances`` float64 and ``rows`` int64,
    (P, count), nearest first, equal ones in the gallery's order; inf and -1 where there are fewer.
    """

    def __init__(self, probes: int, count: int) -> None:
        self.distances = np.full((probes, count), np.inf)
        self.rows = np.full((probes, count), -1, np.int64)

    def update(self, first_probe: int, first_row: int, distances: np.ndarray) -> None:
        """Take in the ``distances`` (n, m) of probes and gallery rows from the first on, inf where
        there is none. Gallery rows come in ascending order."""
        count = self.distances.shape[1]
        mine = slice(first_probe, first_probe + len(distances))
        bound = self.distances[mine, -1]
        if distances.shape[1] > count and np.isinf(bound).any():
            # At the start everything is nearer than nothing: keep what can be among the nearest.
            nearest = np.partition(distances, count - 1, axis=1)[:, count - 1]
            found = (distances <= np.minimum(bound, nearest)[:, None]) & (distances < np.inf)
        else:
            # An equal distance later in the gallery comes after.
            found = distances < bound[:, None]
        probe, column = np.nonzero(found)
        touched = np.unique(probe)
        who = np.concatenate([np.repeat(touched, count), probe])
        how_far = np.concatenate([self.distances[mine][touched].ravel(), distances[found]])
        where = np.concatenate([self.rows[mine][touched].ravel(), column + first_row])
        order = np.lexsort((where, how_far, who))
        who = who[order]
        place = np.arange(len(who)) - np.searchsorted(who, who)
        kept = place < count
        target = (who[kept] + first_probe, place[kept])
        self.distances[target] = how_far[order][kept]
        self.rows[target] = where[order][kept]


def exact(
    gallery: Collection, probes: np.ndarray, count: int, left_out: np.ndarray, shown: str
) -> Nearest:
    """Return the ``count`` nearest of ``gallery`` for ``probes``, float32 (P, D) of unit length.

    ``left_out``, int64 (P,), is the gallery row that a probe must not find, -1 for none; ``shown``
    is the unit of the progress. The gallery is read once, a shard at a time.
    """
    nearest = Nearest(len(probes), count)
    first = 0
    for shard in progress(gallery.shards(), total=gallery.manifest["shards"], unit=shown):
        for start in range(0, len(shard.vectors), GALLERY_BLOCK):
            block = shard.vectors[start : start + GALLERY_BLOCK]
            for probe in range(0, len(probes), PROBE_BLOCK):
                mine = slice(probe, probe + PROBE_BLOCK)
                distances = squared_distances(probes[mine], block)
                column = left_out[mine] - (first + start)
                own = np.flatnonzero((column >= 0) & (column < len(block)))
                distances[own, column[own]] = np.inf
                nearest.update(probe, first + start, distances)
        first += len(shard.vectors)
    return nearest


def of_candidates(
    gallery: Collection,
    probes: np.ndarray,
    count: int,
    left_out: np.ndarray,
    candidates: np.ndarray,
) -> Nearest:
    """Return what ``exact`` does where only ``candidates``, int64 (P, n), -1 for none, count.

    Their distances are the exact ones, from the gallery's own embeddings.
    """
    nearest = Nearest(len(probes), count)
    candidates = np.where(candidates == left_out[:, None], -1, candidates)
    distances = np.full(candidates.shape, np.inf)
    first = 0
    for shard in gallery.shards():
        here = (candidates >= first) & (candidates < first + len(shard.vectors))
        probe, column = np.nonzero(here)
        for start in range(0, len(probe), PROBE_BLOCK):
            p, c = probe[start : start + PROBE_BLOCK], column[start : start + PROBE_BLOCK]
            a, b = _whole(probes[p]), _whole(shard.vectors[candidates[p, c] - first])
            distances[p, c] = _distances(np.einsum("ij,ij->i", a, b))
        first += len(shard.vectors)
    order = np.lexsort((candidates, distances), axis=1)[:, :count]
    kept = order.shape[1]
    nearest.distances[:, :kept] = np.take_along_axis(distances, order, 1)
    nearest.rows[:, :kept] = np.take_along_axis(candidates, order, 1)
    return nearest
