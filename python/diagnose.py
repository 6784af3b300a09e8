"""Up to 600 pairs under the likely mistakes of their input -> which setting the network wants."""

import argparse

import cv2
import numpy as np
from sklearn.metrics import roc_auc_score

from common.arrays import read_npy
from common.errors import ChainError, exit_with
from common.progress import progress
from common.shapes import SIDE
from common.table import aligned
from dataset.crops import open_crops
from dataset.preprocessing import Preprocessing, shown
from engines import Engine
from evaluation import diagnosis
from evaluation.protocol import FOLDS, evaluate, pair_distances
from inference import configuration
from inference.embedding import to_unit_length
from seals.ledger import made

PAIRS = 600
SHIFT, ZOOM = 4, 0.05


def rows(engine: Engine, pixels: np.ndarray, form: Preprocessing, batch_size: int) -> np.ndarray:
    """Return the embedding of each crop alone, float32 (N, D) of unit length.

    ``pixels`` is uint8 (N, 3, 112, 112) in BGR, which are given as ``form`` says.
    """
    parts = []
    for start in range(0, len(pixels), batch_size):
        part = form.normalise(pixels[start : start + batch_size])
        padded = np.zeros((batch_size, *part.shape[1:]), np.float32)
        padded[: len(part)] = part
        parts.append(engine.run(padded)[: len(part)])
    return to_unit_length(np.concatenate(parts), np.arange(len(pixels)))


def moved(pixels: np.ndarray, shift: float = 0, zoom: float = 0) -> np.ndarray:
    """Return crops, uint8 (N, 3, 112, 112), shifted right and down, or enlarged at the centre."""
    middle = (SIDE - 1) / 2
    matrix = np.array([[1 + zoom, 0, shift - zoom * middle], [0, 1 + zoom, shift - zoom * middle]])
    warped = [cv2.warpAffine(p.transpose(1, 2, 0), matrix, (SIDE, SIDE)) for p in pixels]
    return np.stack(warped).transpose(0, 3, 1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    configuration.add_arguments(parser)
    parser.add_argument("--labels", type=made, required=True, help=".npy of the set")
    args = parser.parse_args()

    labels = read_npy(args.labels, "b", 1)
    chosen = np.unique(np.linspace(0, len(labels) - 1, PAIRS).astype(int))
    issame = labels[chosen]
    if len(chosen) < FOLDS or issame.all() or not issame.any():
        raise ChainError(f"{args.labels} has too few pairs of both kinds; give a larger set.")
    crops = open_crops(args.crops)
    pairs = np.concatenate([crops[2 * k : 2 * k + 2] for k in chosen.tolist()])
    pixels, inverse = np.unique(pairs, axis=0, return_inverse=True)
    given = configuration.preprocessing_of(args.model)
    engine = configuration.load_engine(args, throughput=False)

    tried: list[tuple[str, np.ndarray, Preprocessing]] = [
        (f"{form.colour}, (x - {shown(form.mean)}) / {shown(form.scale)}", pixels, form)
        for form in diagnosis.settings(given)
    ]
    for name, changed in (
        (f"crops shifted by {SHIFT} pixels", {"shift": SHIFT}),
        (f"crops enlarged by {ZOOM:.0%}", {"zoom": ZOOM}),
        (f"crops reduced by {ZOOM:.0%}", {"zoom": -ZOOM}),
    ):
        tried.append((name, moved(pixels, **changed), given))
    tried.append(("mirrored view added, as make accuracy does", pixels[..., ::-1], given))
    table, separation, plain = [["input", "accuracy", "AUC", "d'"]], {}, None
    for index, (name, changed, form) in enumerate(progress(tried, len(tried), "setting")):
        found = rows(engine, changed, form, args.batch_size)
        if plain is None:
            plain = found
        if index == len(tried) - 1:
            found = to_unit_length(plain + found, np.arange(len(pixels)))
        distances = pair_distances(found[inverse.ravel()])
        prime = diagnosis.d_prime(distances, issame)
        if changed is pixels:
            separation[form] = prime
        accuracy = evaluate(distances, issame).accuracy.mean()
        area = roc_auc_score(issame, -distances)
        table.append([name, f"{accuracy:.4f}", f"{area:.5f}", f"{prime:.3f}"])
    print(f"{args.model}: {len(chosen)} of {len(labels)} pairs, each crop alone, {args.precision}")
    print(aligned(table))
    print(f"reading: {diagnosis.likeliest(given, separation)}")


if __name__ == "__main__":
    exit_with(main)
