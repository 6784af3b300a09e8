"""Search by an index, its candidates held against the gallery's own embeddings; and its recall."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import indexes
from collection.embeddings import Collection
from evaluation.metrics import SEED
from matching.search import Nearest, exact, of_candidates

# Probes that recall is measured on, where there are more.
MEASURED = 1000


def approximate(
    name: str, gallery: Collection, probes: np.ndarray, count: int, top: int, left_out: np.ndarray
) -> tuple[Nearest, dict[str, Any]]:
    """Return what ``search.exact`` does, by the index ``name``, and a record of it.

    The record has the index's parameters, the seconds that building and searching took, and
    ``recall``: of the ``top`` nearest against the exact answer, for all probes or a seeded sample
    of 1,000.
    """
    module = indexes.load(name)
    start = time.monotonic()
    index = module.Index(gallery.dimension, gallery.rows, _sample(gallery, module.SAMPLE))
    for shard in gallery.shards():
        index.add(shard.vectors)
    built = time.monotonic()
    # One more, because a probe's own entry may be among them.
    candidates = index.search(probes, min(count + 1, gallery.rows))
    nearest = of_candidates(gallery, probes, count, left_out, candidates)
    searched = time.monotonic()
    chosen = np.arange(len(probes))
    if len(probes) > MEASURED:
        chosen = np.random.default_rng(SEED).choice(len(probes), MEASURED, replace=False)
    truth = exact(gallery, probes[chosen], count, left_out[chosen], "shard, for the recall")
    return nearest, {
        "name": name,
        "parameters": index.parameters,
        "build_seconds": built - start,
        "search_seconds": searched - built,
        "exact_seconds": time.monotonic() - searched,
        "recall": recall(nearest.rows[chosen, :top], truth.rows[:, :top]),
        "recall_probes": len(chosen),
    }


def recall(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return the share of the ``truth``, gallery rows (P, k), -1 for none, that was ``found``.

    ``at_1`` is of the first alone, ``at_k`` of all k, whatever their order.
    """
    there = truth >= 0
    hit = (truth[:, :, None] == found[:, None, :]).any(axis=2) & there
    first = (truth[:, 0] == found[:, 0]) & there[:, 0]
    return {
        "at_1": float(first.sum() / there[:, 0].sum()),
        "at_k": float(hit.sum() / there.sum()),
    }


def _sample(gallery: Collection, most: int) -> np.ndarray:
    """Return ``most`` of the gallery's embeddings, chosen by a seed; all where there are fewer."""
    if not most:
        return np.empty((0, gallery.dimension), np.float32)
    chosen = np.arange(gallery.rows)
    if gallery.rows > most:
        chosen = np.sort(np.random.default_rng(SEED).choice(gallery.rows, most, replace=False))
    taken, first = [], 0
    for shard in gallery.shards():
        low, high = np.searchsorted(chosen, (first, first + len(shard.vectors)))
        taken.append(shard.vectors[chosen[low:high] - first])
        first += len(shard.vectors)
    return np.concatenate(taken)
