"""Embeddings + labels -> accuracy.json."""

import argparse
from pathlib import Path

from common.arrays import read_npy
from common.errors import exit_with
from common.machine import versions
from evaluation.metrics import measures
from evaluation.outcome import distances_of, load_embeddings
from evaluation.protocol import FOLDS, evaluate, refuse_equal, refuse_unscorable
from evaluation.threshold_card import card
from seals.ledger import made
from seals.products import read_json, write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", type=made, required=True, help=".npy of the run")
    parser.add_argument("--run", type=made, required=True, help="JSON record of the run")
    parser.add_argument("--labels", type=made, required=True, help=".npy of the set")
    parser.add_argument("--out", type=Path, required=True, help="accuracy JSON to write")
    args = parser.parse_args()

    issame = read_npy(args.labels, "b", 1)
    refuse_unscorable(issame, args.labels)
    distances = distances_of(load_embeddings(args.embeddings, len(issame)), args.embeddings)
    refuse_equal(distances, args.embeddings)
    result = evaluate(distances, issame)
    run = read_json(args.run)
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
    scores |= card(distances, issame, scores["best_threshold"])
    write_json(args.out, run | scores)


if __name__ == "__main__":
    exit_with(main)
