"""Embeddings + labels -> accuracy.json."""

import argparse
import json
from pathlib import Path

import numpy as np

from atomic import write_json
from errors import ChainError, exit_with
from evaluate import FOLDS, evaluate, pair_distances
from machine import versions
from metrics import measures


def load_embeddings(path: Path, pairs: int) -> np.ndarray:
    """Return the embeddings in ``path``: float32 (2 * pairs, 512).

    Raises ``ChainError`` where they are too few or many, not finite, or not of unit length.
    """
    embeddings = np.load(path, allow_pickle=False)
    if embeddings.ndim != 2 or len(embeddings) != 2 * pairs:
        raise ChainError(
            f"{path} has shape {embeddings.shape} but the set has {pairs} pairs; "
            "remove it and run the set again."
        )
    bad = ~(np.abs(np.linalg.norm(embeddings, axis=1) - 1) < 1e-3)
    if bad.any():
        raise ChainError(
            f"{path}: the embedding of image {bad.argmax()} is not finite or not of unit length; "
            "check the weights, then remove it and run the set again."
        )
    return embeddings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", type=Path, required=True, help=".npy of the run")
    parser.add_argument("--run", type=Path, required=True, help="JSON record of the run")
    parser.add_argument("--labels", type=Path, required=True, help=".npy of the set")
    parser.add_argument("--out", type=Path, required=True, help="accuracy JSON to write")
    args = parser.parse_args()

    issame = np.load(args.labels, allow_pickle=False)
    if len(issame) < FOLDS:
        raise ChainError(
            f"{args.labels} has {len(issame)} pairs; {FOLDS} folds need at least {FOLDS}."
        )
    distances = pair_distances(load_embeddings(args.embeddings, len(issame)))
    result = evaluate(distances, issame)
    run = json.loads(args.run.read_text(encoding="utf-8"))
    run["versions"] |= versions("scikit-learn", "scipy", "numpy")
    scores = {
        "accuracy": float(result.accuracy.mean()),
        "accuracy_std": float(result.accuracy.std()),
        "best_threshold": float(result.threshold.mean()),
        "fold_accuracy": result.accuracy.tolist(),
        "fold_threshold": result.threshold.tolist(),
        "pairs": len(issame),
        "folds": FOLDS,
    }
    scores |= measures(distances, issame, result.threshold)
    write_json(args.out, run | scores)


if __name__ == "__main__":
    exit_with(main)
