"""Every pair of pictures, genuine or impostor by identity: TAR at FAR down to 1e-6, and the EER."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from collection.embeddings import Shard
from common.errors import ChainError
from evaluation import metrics
from evaluation.threshold_card import FEW, allowed_accepts, observed, unobservable
from matching import resampling
from matching.pair_counts import (
    GENUINE,
    IMPOSTOR,
    Pictures,
    Second,
    bins_of,
    bound_memory,
    histograms,
)

FARS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


def labelled(shard: Shard, address: str) -> tuple[Pictures, dict[str, int]]:
    """Return the pictures of known identity, ordered by person, and how many there are of what.

    Raises ``ChainError`` where they make no genuine or no impostor pair.
    """
    labels = (
        pa.chunked_array([shard.labels]) if isinstance(shard.labels, pa.Array) else shard.labels
    )
    known = np.flatnonzero(labels.is_valid().to_numpy(zero_copy_only=False))
    names = labels.take(known).to_numpy(zero_copy_only=False).astype(str)
    persons, person = np.unique(names, return_inverse=True)
    order = np.argsort(person, kind="stable")
    pictures = np.bincount(person, minlength=len(persons))
    if len(persons) < 2 or pictures.max() < 2:
        raise ChainError(
            f"{address} has {len(known):,} labelled pictures of {len(persons):,} persons, which "
            f"make no {'impostor' if len(persons) == 1 else 'genuine'} pair; embed pictures as "
            "person/picture, at least two persons and two pictures of one."
        )
    vectors = shard.vectors[known[order]]
    return Pictures(vectors, person[order].astype(np.int64)), {
        "pictures": len(known),
        "unlabelled": len(labels) - len(known),
        "persons": len(persons),
        "persons_with_one_picture": int((pictures == 1).sum()),
        "genuine": int((pictures * (pictures - 1) // 2).sum()),
        "impostor": int((len(known) ** 2 - np.square(pictures).sum()) // 2),
    }


def measure(pictures: Pictures, address: str) -> dict[str, Any]:
    """Return ``tar_at_far``, ``eer``, and under ``interval`` how the intervals were made.

    Thresholds follow ``evaluation.threshold_card.at_far``, ties and all. Intervals are of the rates
    at a threshold that is held. Memory is the embeddings, a block of distances, the pairs beside a
    threshold, and 1,000 bytes a person. Raises ``ChainError`` where most embeddings are equal.
    """
    counts = histograms(pictures)
    if 2 * counts[IMPOSTOR, 0] > counts[IMPOSTOR].sum():
        raise ChainError(
            f"{address}: most persons have equal embeddings: the network does not see its input; "
            "check the weights, the precision and the device."
        )
    total, cumulative = counts.sum(axis=1), counts.cumsum(axis=1)
    allowed = {far: allowed_accepts(int(total[IMPOSTOR]), far) for far in FARS}
    # The bin of the threshold: of the next impostor after so many.
    bins = {
        far: int(np.searchsorted(cumulative[IMPOSTOR], number, side="right"))
        for far, number in allowed.items()
        if number
    }
    # The bin in which FAR reaches 1 - TAR.
    rates = cumulative / total[:, None]
    crossing = int(np.argmax(rates[IMPOSTOR] - (1 - rates[GENUINE]) >= 0))
    wanted = {*bins.values(), crossing}
    bound_memory(counts, wanted)
    of_person = np.bincount(pictures.person)
    resamples = resampling.Multiplicities(len(of_person))
    second = Second(pictures, sorted(set(bins.values())), wanted, resamples)
    points = []
    for far in FARS:
        if far not in bins:
            points.append(unobservable(far, int(total[IMPOSTOR])))
            continue
        before = int(cumulative[IMPOSTOR, bins[far]] - counts[IMPOSTOR, bins[far]])
        distances = second.kept[IMPOSTOR].distance
        inside = np.sort(distances[bins_of(distances) == bins[far]])
        threshold = float(inside[allowed[far] - before])
        false_accepts = before + int((inside < threshold).sum())
        genuine, impostor = second.below(bins[far], threshold)
        tar = int(genuine.sum()) / int(total[GENUINE])
        points.append(
            observed(far, tar, threshold, false_accepts, int(total[IMPOSTOR]))
            | {"same": int(total[GENUINE])}
            | _intervals(genuine, impostor, false_accepts, of_person, resamples)
        )
    return {
        "tar_at_far": points,
        "eer": _eer(counts, crossing, second),
        "interval": {
            "method": "subsets bootstrap over persons, threshold held",
            "level": metrics.LEVEL,
            "resamples": resamples.count,
            "seed": metrics.SEED,
        },
    }


def _intervals(
    genuine: np.ndarray,
    impostor: np.ndarray,
    false_accepts: int,
    of_person: np.ndarray,
    resamples: resampling.Multiplicities,
) -> dict[str, Any]:
    """Return the intervals of TAR and FAR; ``genuine``: accepted pairs of each person,
    ``impostor``: those of each resample."""
    pairs = of_person * (of_person - 1) // 2
    persons = int((pairs > 0).sum())
    if genuine.sum() == pairs.sum():
        tar = resampling.interval_of_all(persons)
    else:
        tar = resampling.interval(resamples.total(genuine), resamples.total(pairs))
    far = resampling.interval(impostor, resamples.impostor_pairs(of_person))
    return {
        "tar_interval": tar,
        # Without a false accept resampling shows no spread.
        "far_interval": far if false_accepts else None,
        "persons": persons,
        "few_persons": persons < FEW,
    }


def _eer(counts: np.ndarray, crossing: int, second: Second) -> float:
    """Return what ``metrics.eer`` says of the curve, from its part in the bin ``crossing``."""
    curve = []
    every = [kept.distance[bins_of(kept.distance) == crossing] for kept in second.kept]
    points = np.unique(np.concatenate(every))
    for kind in (IMPOSTOR, GENUINE):
        steps = np.searchsorted(np.sort(every[kind]), points, side="right")
        below = counts[kind, :crossing].sum()
        curve.append((below + np.concatenate([[0], steps])) / counts[kind].sum())
    return metrics.eer(metrics.Roc(*curve))
