"""Two aligned pictures, or photographs -> distance, threshold and verdict, by one configuration."""

import argparse
import math
from pathlib import Path

import numpy as np

from common.checksum import sha256
from common.errors import ChainError, exit_with
from common.records import read_json
from dataset.crop_store import Crops, Plain
from dataset.photograph import read_crop
from evaluation.protocol import pair_distances
from faces.detector import Detector
from faces.photographs import align
from inference import configuration
from inference.embedding import embed


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


def stored_threshold(path: Path, model_sha256: str) -> float:
    """Return ``best_threshold`` of the accuracy.json ``path``, measured with the same model.

    Raises ``ChainError`` where the file is missing or belongs to another model.
    """
    if not path.exists():
        raise ChainError(
            f"{path} is missing; run make accuracy with the same settings, or give THRESHOLD=."
        )
    result = read_json(path)
    if result["model_sha256"] != model_sha256:
        raise ChainError(
            f"{path} was measured with another model; run make accuracy with the same settings "
            "again, or give THRESHOLD=."
        )
    return result["best_threshold"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    configuration.add_arguments(parser)
    parser.add_argument("--a", type=Path, required=True, help="picture, 112x112")
    parser.add_argument("--b", type=Path, required=True, help="picture, 112x112")
    parser.add_argument("--detector", type=Path, help="YuNet model that aligns photographs")
    parser.add_argument("--accuracy", type=Path, required=True, help="accuracy JSON")
    parser.add_argument("--threshold", help="squared distance (default: of the accuracy JSON)")
    args = parser.parse_args()

    pair = read_pair(args.a, args.b, args.detector)
    form = configuration.preprocessing_of(args.model)
    engine = configuration.load_engine(args, throughput=False)
    if args.threshold:
        threshold, source = _number(args.threshold), "THRESHOLD="
    else:
        threshold = stored_threshold(args.accuracy, sha256(args.model))
        source = str(args.accuracy)
    # Both views of both pictures are four rows; the engine's batch is filled up as for any set.
    embeddings, _ = embed(engine, pair, np.arange(2), args.batch_size, form)
    (distance,) = pair_distances(embeddings)
    print(f"distance:  {distance:.4f} (squared, between 0 and 4)")
    print(f"threshold: {threshold:.4f} ({source})")
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
