"""Compare with the public reference: its network on the same weights, its evaluation on the same
embeddings. Writes what was compared as JSON, or fails.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import networks
from checkpoint.state_dict import load_into
from common.arrays import read_npy
from common.errors import ChainError, exit_with
from dataset.crops import open_crops
from dataset.preprocessing import Preprocessing
from evaluation.protocol import FOLDS, evaluate, pair_distances
from reference import checkout
from seals.ledger import brought, made
from seals.products import write_json

COSINE = 0.99999
PAIRS = 40  # spread over the set; at 2x20 img/s for the largest networks, some seconds
_BATCH = 16


def embed(network: nn.Module, pixels: np.ndarray) -> np.ndarray:
    """Return float32 (N, 512): unit-length sums of both views of uint8 (N, 3, 112, 112)."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(pixels), _BATCH):
            part = Preprocessing().normalise(pixels[start : start + _BATCH])
            mirrored = np.ascontiguousarray(part[..., ::-1])
            both = network(torch.from_numpy(part)) + network(torch.from_numpy(mirrored))
            parts.append(nn.functional.normalize(both).numpy())
    return np.concatenate(parts)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cosine of each row of ``a`` with that of ``b``: (N, D), (N, D) -> float64 (N,)."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))


def compare_networks(name: str, weights: Path, folder: Path, pixels: np.ndarray) -> np.ndarray:
    """Return our embeddings of ``pixels``; ``ChainError`` where the reference's differ."""
    with torch.device("meta"):
        ours, theirs = networks.build(name), checkout.build(folder, name)
    load_into(ours, weights, name)
    load_into(theirs, weights, f"the reference's {name}")
    a, b = embed(ours, pixels), embed(theirs, pixels)
    similar = cosine(a, b)
    if not (similar >= COSINE).all():
        raise ChainError(
            f"{weights}: the reference's {name} gives another embedding of image "
            f"{int(similar.argmin())} (cosine {similar.min():.6f}, asked for: {COSINE}); "
            "report it with the checkpoint."
        )
    return np.stack([a, b])


def compare_evaluations(folder: Path, embeddings: np.ndarray, issame: np.ndarray, of: str) -> int:
    """Return the number of pairs; ``ChainError`` where the reference's ``evaluate`` differs."""
    theirs = checkout.evaluation(folder)(embeddings, issame, nrof_folds=FOLDS)
    ours = evaluate(pair_distances(embeddings), issame)
    pairs = zip(("tpr", "fpr", "accuracy", "threshold"), theirs[:4], strict=True)
    for name, expected in pairs:
        # Means over folds are rounded in the order of their sum.
        equal = np.array_equal if name in ("accuracy", "threshold") else np.allclose
        if not equal(getattr(ours, name), expected):
            raise ChainError(
                f"the reference's evaluate gives another {name} for {of}; report it with that file."
            )
    return len(issame)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", required=True, help="network name")
    parser.add_argument("--weights", type=brought, required=True, help="PyTorch checkpoint")
    parser.add_argument("--reference", type=Path, required=True, help="patched checkout")
    parser.add_argument("--crops", type=made, required=True, help="decoded set")
    parser.add_argument("--labels", type=made, required=True, help=".npy of the set")
    parser.add_argument("--embeddings", type=made, help=".npy of a whole run, if there is one")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    args = parser.parse_args()
    issame = read_npy(args.labels, "b", 1)
    crops = open_crops(args.crops)
    if len(issame) < FOLDS or len(crops) != 2 * len(issame):
        raise ChainError(f"{args.crops} has too few pairs for {FOLDS} folds; give a larger set.")
    chosen = np.unique(np.linspace(0, len(issame) - 1, PAIRS).astype(int))
    pixels = np.concatenate([crops[2 * k : 2 * k + 2] for k in chosen])
    both = compare_networks(args.net, args.weights, args.reference, pixels)
    result: dict[str, Any] = {
        "net": args.net,
        "images": len(pixels),
        "smallest_cosine": float(cosine(*both).min()),
        "largest_difference": float(np.abs(both[0] - both[1]).max()),
        "evaluated_pairs": compare_evaluations(
            args.reference, both[0], issame[chosen], str(args.crops)
        ),
    }
    if args.embeddings:
        embeddings = read_npy(args.embeddings, "f", 2)
        if len(embeddings) != len(crops):
            raise ChainError(f"{args.embeddings} is of another set; remove it and run it again.")
        result["evaluated_pairs"] += compare_evaluations(
            args.reference, embeddings, issame, str(args.embeddings)
        )
    write_json(args.out, result)


if __name__ == "__main__":
    exit_with(main)
