"""What a threshold means in use: which errors, how many pairs say so, and how to apply it.

Distances are squared Euclidean ones of embeddings of unit length, so that a distance d is a cosine
of 1 - d/2. A pair is accepted as the same person where its distance is below the threshold.
"""

from typing import Any

import numpy as np
from scipy import stats

from evaluation.metrics import FARS, LEVEL, far_name

# With fewer errors than this a rate is known to a factor of 1.4 at best (one over the root of 30 is
# 18%, twice that the half of a 95% interval): the rule of 30 of speaker and face evaluations.
FEW = 30


def cosine(distance: float) -> float:
    """Return the cosine of two unit vectors at the squared ``distance``."""
    return 1 - distance / 2


def rate(errors: int, pairs: int) -> tuple[float | None, list[float] | None]:
    """Return ``errors`` / ``pairs`` and its exact 95% interval (Clopper and Pearson, 1934).

    Both are None without a pair.
    """
    if not pairs:
        return None, None
    interval = stats.binomtest(errors, pairs).proportion_ci(LEVEL, method="exact")
    return errors / pairs, [float(interval.low), float(interval.high)]


def operating_point(distances: np.ndarray, issame: np.ndarray, threshold: float) -> dict[str, Any]:
    """Return the errors that ``threshold`` makes on pairs at ``distances`` (N,), bool ``issame``.

    ``far`` is the share of different pairs that are accepted, ``frr`` that of same pairs that are
    refused, each with its 95% interval and the counts behind it; ``few_below`` errors are few.
    """
    accepted = np.asarray(distances, np.float64) < threshold
    same, different = int(issame.sum()), int((~issame).sum())
    false_accepts, false_rejects = int((accepted & ~issame).sum()), int((~accepted & issame).sum())
    far, far_interval = rate(false_accepts, different)
    frr, frr_interval = rate(false_rejects, same)
    return {
        "threshold": threshold,
        "cosine": cosine(threshold),
        "far": far,
        "far_interval": far_interval,
        "false_accepts": false_accepts,
        "different": different,
        "frr": frr,
        "frr_interval": frr_interval,
        "false_rejects": false_rejects,
        "same": same,
        "few_below": FEW,
    }


def at_far(distances: np.ndarray, issame: np.ndarray, far: float) -> dict[str, Any]:
    """Return the highest ``threshold`` at a false accept rate of at most ``far``, and its ``tar``.

    ``few`` tells that fewer than 30 false accepts stand behind it. With fewer than 1/far different
    pairs not one false accept is allowed and the rate cannot be observed: ``tar`` is then None and
    ``note`` says so. There are pairs of both kinds.
    """
    values = np.asarray(distances, np.float64)
    different = np.sort(values[~issame])
    allowed = allowed_accepts(len(different), far)
    if not allowed:
        return unobservable(far, len(different))
    # Only what lies below is accepted: at most so many, fewer where distances are equal.
    threshold = float(different[allowed])
    false_accepts = int((different < threshold).sum())
    tar = float((values[issame] < threshold).mean())
    return observed(far, tar, threshold, false_accepts, len(different))


def allowed_accepts(different: int, far: float) -> int:
    """Return how many of ``different`` pairs may be accepted at a rate of at most ``far``.

    The threshold is then the next distance after so many, in ascending order.
    """
    # A hair more, because 3000 * 0.001 may come out a little under 3.
    return int(different * far + 1e-9)


def unobservable(far: float, different: int) -> dict[str, Any]:
    """Return what is said of a rate that ``different`` pairs are too few to show."""
    note = f"not enough different pairs for {far_name(far)}: {different}"
    return {"far": far, "tar": None, "note": note}


def observed(
    far: float, tar: float, threshold: float, false_accepts: int, different: int
) -> dict[str, Any]:
    """Return what is said of the rate ``far``: ``tar`` at ``threshold``, and what stands behind."""
    return {
        "far": far,
        "tar": tar,
        "threshold": threshold,
        "cosine": cosine(threshold),
        "false_accepts": false_accepts,
        "different": different,
        "few": false_accepts < FEW,
    }


def deploy(point: dict[str, Any]) -> str:
    """Return in words how to use the threshold of an operating ``point``."""
    distance, cosine_ = point["threshold"], point["cosine"]
    return (
        "Take a face's embedding as here: aligned crop, both views added, unit length. Two faces "
        f"are of one person where the squared distance is below {distance:.3f}, that is the cosine "
        f"above {cosine_:.3f}. A wrong match in a search of N faces is about N times as likely as "
        "in one comparison: choose a threshold of the lower rate that you need, and measure it on "
        "pairs like your own."
    )


def card(distances: np.ndarray, issame: np.ndarray, threshold: float) -> dict[str, Any]:
    """Return what accuracy.json says of thresholds: that of the protocol, and those at each FAR.

    ``tar_at_far`` is empty where all pairs are of one kind.
    """
    point = operating_point(distances, issame, threshold)
    both = point["same"] and point["different"]
    return {
        "operating_point": point,
        "tar_at_far": [at_far(distances, issame, far) for far in FARS] if both else [],
        "deploy": deploy(point),
    }
