"""Decoded set + model -> one embedding for each image, and a record of the run."""

import argparse
import time
from pathlib import Path

import numpy as np

from common.errors import ChainError, exit_with
from common.folder import Folder
from common.machine import cpu_name, here_and_now
from common.shapes import VIEWS
from dataset.crops import open_crops
from inference import configuration
from inference.embedding import NotFinite, embed, read_unique_index
from inference.pieces import Pieces
from onnx_graph import not_finite
from seals import ledger
from seals.arrays import write_npy
from seals.ledger import made
from seals.products import begin, write_json


def explained(error: NotFinite, args: argparse.Namespace, views: np.ndarray) -> ChainError:
    """Return ``error`` with the layer where it begins for ``views``, its image's inputs.

    Only an ONNX file tells that; where its layers are all finite, the engine's arithmetic is not.
    """
    layer = not_finite.first_layer(args.model, views) if args.model.suffix == ".onnx" else ""
    what = str(error).rpartition(";")[0]
    if layer:
        return ChainError(f"{what} from its layer {layer} on; check the weights.")
    if layer is None:
        return ChainError(
            f"{what} in ENGINE={args.engine} PRECISION={args.precision}, but is in ONNX "
            "Runtime's fp32; choose another PRECISION= or ENGINE=."
        )
    return error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    configuration.add_arguments(parser)
    parser.add_argument("--unique-index", type=made, help=".npy (default: run every crop)")
    parser.add_argument("--out", type=Path, required=True, help="embeddings .npy to write")
    parser.add_argument("--run", type=Path, required=True, help="JSON record to write")
    args = parser.parse_args()

    start = time.perf_counter()
    crops = open_crops(args.crops)
    unique_index = read_unique_index(args.unique_index, len(crops))
    form = configuration.preprocessing_of(args.model)
    engine = configuration.load_engine(args, throughput=True)
    loaded = time.perf_counter()
    what = configuration.record(args, engine)
    begun = Folder(args.out.with_name(f".{args.out.stem}.pieces"))
    identity = ledger.identity(what | {"cpu": cpu_name()})
    pieces = Pieces(begun, "images", identity, what["dimension"])
    try:
        found = embed(engine, crops, unique_index, args.batch_size, form, pieces)
    except NotFinite as error:
        crop = form.normalise(crops[error.image : error.image + 1])
        raise explained(error, args, np.concatenate([crop, crop[..., ::-1]])) from None
    wall = time.perf_counter() - loaded
    inferences = VIEWS * len(np.unique(unique_index))
    run = what | here_and_now()
    run |= {
        "images": len(crops),
        "inferences": inferences,
        "kept_inferences": found.kept,
        "flip": True,
        "load_s": round(loaded - start, 3),
        "inference_s": round(found.seconds, 3),
        "wall_s": round(wall, 3),
        "end_to_end_fps": round((inferences - found.kept) / wall, 1),
    }
    begin(args.out)
    write_json(args.run, run)
    write_npy(args.out, found.embeddings)
    begun.clear()


if __name__ == "__main__":
    exit_with(main)
