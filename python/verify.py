"""Two aligned pictures, or photographs -> distance, threshold and verdict, by one configuration."""

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import ChainError, exit_with
from dataset.crop_store import Crops, Plain
from dataset.photograph import read_crop
from evaluation.outcome import Outcome, load_outcome
from evaluation.protocol import pair_distances
from evaluation.threshold_card import cosine, operating_point
from faces.detector import Detector
from faces.photographs import align
from inference import configuration
from inference.embedding import embed
from seals.products import read_json


def read_pair(a: Path, b: Path, model: Path | None) -> Crops:
    """Return the pictures ``a`` and ``b`` as a decoded set of two: uint8 (2, 3, 112, 112), BGR.

    They are aligned crops, or photographs that the detector ``model`` aligns. Raises ``ChainError``
    where one is missing, no picture, or of another size; of a photograph, where it has no face.
    """
    detector, crops = Detector(model) if model else None, []
    for name, path in (("A", a), ("B", b)):
        if not path.is_file():
            raise ChainError(f"{name}={path} is missing; name a picture.")
        crop = align(path, detector, None) if detector else read_crop(path).pixels
        if crop is None:
            raise ChainError(f"no face was found in {name}={path}; name another photograph.")
        crops.append(crop.transpose(2, 0, 1))
    return Plain(np.stack(crops))


def stored(path: Path, model_sha256: str) -> dict[str, Any] | None:
    """Return the accuracy.json ``path``; None where it is missing, or of another model."""
    if not path.exists():
        return None
    result = read_json(path)
    return result if result["model_sha256"] == model_sha256 else None


def different_below(outcome: Outcome, distance: float) -> str:
    """Return in words the false accept rate of ``outcome`` with ``distance`` as the threshold."""
    point = operating_point(outcome.distances, outcome.issame, distance)
    accepts, pairs = point["false_accepts"], point["different"]
    if not pairs:
        return "not known: the set has no different pairs"
    low, high = (100 * end for end in point["far_interval"])
    if not accepts:
        return f"at most {high:.2f}% (95%; none of {pairs:,} different pairs)"
    few = ": few" if accepts < point["few_below"] else ""
    return f"{point['far']:.2%} (95%: {low:.2f}-{high:.2f}; {accepts:,} of {pairs:,}{few})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    configuration.add_arguments(parser)
    parser.add_argument("--a", type=Path, required=True, help="picture, 112x112")
    parser.add_argument("--b", type=Path, required=True, help="picture, 112x112")
    parser.add_argument("--detector", type=Path, help="YuNet model that aligns photographs")
    parser.add_argument("--accuracy", type=Path, required=True, help="accuracy JSON")
    parser.add_argument("--data", type=Path, required=True, help="folder of the decoded sets")
    parser.add_argument("--threshold", help="squared distance (default: of the accuracy JSON)")
    args = parser.parse_args()

    pair = read_pair(args.a, args.b, args.detector)
    form = configuration.preprocessing_of(args.model)
    engine = configuration.load_engine(args, throughput=False)
    measured = stored(args.accuracy, configuration.checksum(args.model))
    if args.threshold:
        threshold, source = _number(args.threshold), "THRESHOLD="
    elif measured:
        threshold, source = measured["best_threshold"], str(args.accuracy)
    else:
        what = "was measured with another model" if args.accuracy.exists() else "is missing"
        raise ChainError(
            f"{args.accuracy} {what}; run make accuracy with the same settings, or give THRESHOLD=."
        )
    # Both views of both pictures are four rows; the engine's batch is filled up as for any set.
    embeddings, *_ = embed(engine, pair, np.arange(2), args.batch_size, form)
    distance = float(pair_distances(embeddings)[0])
    far = "not known before make accuracy with the same settings"
    if measured:
        far = different_below(load_outcome(args.accuracy.parent, args.data), distance)
    margin = threshold - distance
    side = "below" if margin > 0 else "above"
    print(f"distance:  {distance:.4f} (squared, 0 to 4), cosine {cosine(distance):.4f}")
    print(f"threshold: {threshold:.4f}, cosine {cosine(threshold):.4f}")
    print(f"           of {source}")
    print(f"margin:    {abs(margin):.4f} {side} the threshold")
    print(f"FAR there: {far}")
    print(f"verdict:   {'same person' if distance < threshold else 'different persons'}")


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 4:
        raise ChainError(f"THRESHOLD={text} is not allowed; give a number between 0 and 4.")
    return value


if __name__ == "__main__":
    exit_with(main)
