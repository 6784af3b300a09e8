"""Two results of one set, pair by pair: is one as accurate as the other?"""

from typing import Any

import numpy as np
from scipy import stats

from common.errors import ChainError
from evaluation.metrics import LEVEL, mean_interval
from evaluation.outcome import BLOCK, Outcome

SIGNIFICANT = 0.05


def compare(a: Outcome, b: Outcome) -> dict[str, Any]:
    """Compare ``a`` with ``b``, two outcomes of the same set.

    Each pair is right or wrong by the threshold of its own fold, in each configuration. Returns
    the counts ``only_a_right`` and ``only_b_right``, ``p_value`` of McNemar's exact test (the
    two-sided binomial test of those counts), ``difference`` of accuracy b - a with its 95%
    bootstrap ``interval``, the ``changed`` pairs, and ``cosine`` between the embeddings of the
    same image (None for different weights, whose embeddings share no space). Raises
    ``ChainError`` where the sets differ.
    """
    if a.result["data_sha256"] != b.result["data_sha256"] or len(a.issame) != len(b.issame):
        raise ChainError(
            f"{a.folder.name} and {b.folder.name} were measured on different sets; compare two "
            "configurations of one DATA=."
        )
    changed = np.flatnonzero(a.right != b.right)
    only_a = int((a.right & ~b.right).sum())
    only_b = int((b.right & ~a.right).sum())
    difference = b.right.astype(np.float64) - a.right
    low, high = mean_interval(difference)
    return {
        "a": a.folder.name,
        "b": b.folder.name,
        "dataset": a.result["dataset"],
        "pairs": len(a.issame),
        "accuracy_a": float(a.right.mean()),
        "accuracy_b": float(b.right.mean()),
        "difference": {"mean": float(difference.mean()), "low": low, "high": high, "level": LEVEL},
        "only_a_right": only_a,
        "only_b_right": only_b,
        # Without a single changed pair there is nothing to test and no evidence of a difference.
        "p_value": float(stats.binomtest(only_a, len(changed)).pvalue) if len(changed) else 1.0,
        "cosine": _cosine(a, b),
        "changed": [
            {
                "pair": int(k),
                "same": bool(a.issame[k]),
                "distance_a": float(a.distances[k]),
                "distance_b": float(b.distances[k]),
                "right": "a" if a.right[k] else "b",
            }
            for k in changed
        ],
    }


def _cosine(a: Outcome, b: Outcome) -> dict[str, float] | None:
    if a.result["weights_sha256"] != b.result["weights_sha256"]:
        return None
    parts = [slice(k, k + BLOCK) for k in range(0, len(a.embeddings), BLOCK)]
    cosine = np.concatenate(
        [(a.embeddings[p].astype(np.float64) * b.embeddings[p]).sum(axis=1) for p in parts]
    )
    worst = int(cosine.argmin())
    return {"mean": float(cosine.mean()), "min": float(cosine[worst]), "worst_image": worst}


def lines(found: dict[str, Any]) -> list[str]:
    """Return what ``compare`` found as text for the terminal, one sentence a line."""
    difference = found["difference"]
    verdict = "differ" if found["p_value"] < SIGNIFICANT else "show no difference"
    out = [
        f"A: {found['a']}  accuracy {found['accuracy_a']:.4f}",
        f"B: {found['b']}  accuracy {found['accuracy_b']:.4f}",
        f"B - A: {difference['mean']:+.4f}, 95% interval {difference['low']:+.4f} to "
        f"{difference['high']:+.4f}, over {found['pairs']} pairs of {found['dataset']}",
        f"right only in A: {found['only_a_right']}, right only in B: {found['only_b_right']}; "
        f"McNemar's exact test: p = {found['p_value']:.4g}, A and B {verdict} at the "
        f"{SIGNIFICANT:.0%} level",
    ]
    if cosine := found["cosine"]:
        out.append(
            f"cosine of the embeddings: mean {cosine['mean']:.6f}, lowest {cosine['min']:.6f} "
            f"(image {cosine['worst_image']})"
        )
    else:
        out.append("cosine of the embeddings: not comparable, A and B have different weights")
    for pair in found["changed"]:
        kind = "same" if pair["same"] else "different"
        out.append(
            f"  pair {pair['pair']} ({kind}): distance {pair['distance_a']:.4f} in A, "
            f"{pair['distance_b']:.4f} in B; right in {pair['right'].upper()}"
        )
    return out
