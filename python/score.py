"""Embeddings + labels -> accuracy.json."""

import argparse
import json
from pathlib import Path

import numpy as np

from common.errors import exit_with
from common.files import write_json
from common.machine import versions
from evaluation.metrics import measures
from evaluation.outcome import distances_of, load_embeddings
from evaluation.protocol import FOLDS, evaluate, refuse_equal, refuse_unscorable
from evaluation.threshold_card import card


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", type=Path, required=True, help=".npy of the run")
    parser.add_argument("--run", type=Path, required=True, help="JSON record of the run")
    parser.add_argument("--labels", type=Path, required=True, help=".npy of the set")
    parser.add_argument("--out", type=Path, required=True, help="accuracy JSON to write")
    args = parser.parse_args()

    issame = np.load(args.labels, allow_pickle=False)
    refuse_unscorable(issame, args.labels)
    distances = distances_of(load_embeddings(args.embeddings, len(issame)), args.embeddings)
    refuse_equal(distances, args.embeddings)
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
    scores |= card(distances, issame, scores["best_threshold"])
    write_json(args.out, run | scores)


if __name__ == "__main__":
    exit_with(main)
