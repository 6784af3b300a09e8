"""Measures of a verification result beyond the protocol's accuracy.

Distances are squared Euclidean ones; a pair is accepted as the same person where its distance is
below a threshold. TAR is the share of same pairs accepted, FAR that of different pairs accepted.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve

from evaluation.protocol import fold_slices

FARS = (1e-1, 1e-2, 1e-3, 1e-4)
LEVEL = 0.95
RESAMPLES = 9999
SEED = 112


class Roc(NamedTuple):
    """``far`` and ``tar``: float64 (points,), both ascending, from (0, 0) to (1, 1)."""

    far: np.ndarray
    tar: np.ndarray


def roc(distances: np.ndarray, issame: np.ndarray) -> Roc | None:
    """Return every point of the ROC curve, or None where all pairs are of one kind."""
    if issame.all() or not issame.any():
        return None
    far, tar, _ = roc_curve(issame, -distances, drop_intermediate=False)
    return Roc(far, tar)


def far_name(far: float) -> str:
    """Return a power of ten as people write it: 1e-3."""
    return f"{far:.0e}".replace("e-0", "e-")


def eer(curve: Roc) -> float:
    """Return the equal error rate: where FAR equals 1 - TAR, straight lines between points."""
    difference = curve.far - (1 - curve.tar)  # ascending from -1 to 1
    k = int(np.argmax(difference >= 0))
    low, high = difference[k - 1], difference[k]
    share = -low / (high - low)
    return float(curve.far[k - 1] + share * (curve.far[k] - curve.far[k - 1]))


def thresholds_of_pairs(fold_threshold: np.ndarray, pairs: int) -> np.ndarray:
    """Return for each pair the threshold of its own fold: (folds,) -> (pairs,)."""
    thresholds = np.empty(pairs)
    folds = fold_slices(pairs, len(fold_threshold))
    for threshold, test in zip(fold_threshold, folds, strict=True):
        thresholds[test] = threshold
    return thresholds


def judged_right(distances: np.ndarray, issame: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return bool (pairs,): whether each pair is judged rightly by its own threshold."""
    return (np.asarray(distances, np.float64) < thresholds) == issame


def mean_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95% percentile interval of the mean of ``values``: bootstrap, seeded.

    How often each different value is among N that are drawn with replacement from N has the
    multinomial distribution of its shares: that is drawn, and no index of a pair. ``values`` (N,)
    has few different ones, such as right and wrong.
    """
    different, counts = np.unique(values, return_counts=True)
    pairs = len(values)
    drawn = np.random.default_rng(SEED).multinomial(pairs, counts / pairs, size=RESAMPLES)
    ends = (50 - 50 * LEVEL, 50 + 50 * LEVEL)
    low, high = np.percentile(drawn @ different.astype(np.float64) / pairs, ends)
    return float(low), float(high)


def accuracy_interval(right: np.ndarray) -> dict[str, Any]:
    """Return the 95% interval of the accuracy, ``right`` being bool (pairs,).

    Pairs are resampled and keep the threshold of their fold: choosing it anew would let copies
    of one pair stand on both sides of the split. Where every pair is right (or wrong) resampling
    shows no spread, and the exact binomial interval (Clopper-Pearson) is given instead.
    """
    if right.all() or not right.any():
        test = stats.binomtest(int(right.sum()), len(right))
        exact = test.proportion_ci(LEVEL, method="exact")
        return {"low": exact.low, "high": exact.high, "level": LEVEL, "method": "exact binomial"}
    low, high = mean_interval(right.astype(np.float64))
    return {
        "low": low,
        "high": high,
        "level": LEVEL,
        "method": "percentile bootstrap over pairs",
        "resamples": RESAMPLES,
        "seed": SEED,
    }


def measures(
    distances: np.ndarray, issame: np.ndarray, fold_threshold: np.ndarray
) -> dict[str, Any]:
    """Return what accuracy.json holds beyond the protocol: interval, AUC and EER.

    ``auc`` and ``eer`` are None where all pairs are of one kind.
    """
    thresholds = thresholds_of_pairs(fold_threshold, len(issame))
    curve = roc(distances, issame)
    return {
        "accuracy_interval": accuracy_interval(judged_right(distances, issame, thresholds)),
        "auc": float(roc_auc_score(issame, -distances)) if curve else None,
        "eer": eer(curve) if curve else None,
    }
