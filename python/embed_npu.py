"""Inputs + .om -> one embedding for each image, by ais_bench, and a record of the run."""

import argparse
import math
from pathlib import Path

import numpy as np

from ascend import ais_bench, input_files, output_files, run_record
from common.errors import ChainError, exit_with
from common.files import write_json, write_npy
from common.shapes import VIEWS
from dataset.crops import open_crops
from inference.embedding import read_unique_index, to_unit_length


def embeddings_of(outputs: np.ndarray, unique_index: np.ndarray) -> np.ndarray:
    """Return float32 (images, 512): the L2-normalised sum of both views, as for every engine.

    ``outputs``, float32 (2 * n, 512), holds crop and mirror image in turn for each of the n
    different values in ``unique_index``, int (images,), ascending.
    """
    which, inverse = np.unique(unique_index, return_inverse=True)
    return to_unit_length(outputs[0::VIEWS] + outputs[1::VIEWS], which)[inverse]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    run_record.add_arguments(parser)
    parser.add_argument("--unique-index", type=Path, help=".npy (default: run every crop)")
    parser.add_argument("--inputs", type=Path, required=True, help="record of the input folder")
    parser.add_argument("--out", type=Path, required=True, help="embeddings .npy to write")
    parser.add_argument("--run", type=Path, required=True, help="JSON record to write")
    args = parser.parse_args()

    model = run_record.load_model_record(args.om, args.batch_size)
    crops = open_crops(args.crops)
    unique_index = read_unique_index(args.unique_index, len(crops))
    which = np.unique(unique_index)
    stems = input_files.stems(which)
    # Each device gets an equal share, rounded up; with too few inputs the last get none.
    share = math.ceil(len(stems) / len(args.devices))
    if math.ceil(len(stems) / share) < len(args.devices):
        raise ChainError(f"{len(stems)} inputs are too few for {len(args.devices)} devices.")
    folder = input_files.folder_of(args.inputs)
    input_files.check(folder, crops, which, model["aipp"])

    job = ais_bench.Job(
        python=args.python,
        om=args.om,
        batch_size=args.batch_size,
        devices=args.devices,
        inputs=folder,
        outfmt=args.outfmt,
        loop=1,
        warmup=1,
        out=args.out.parent / "ais_bench",
        log=args.log,
    )
    parts, wall = ais_bench.run(job)
    outputs = output_files.collect(parts, stems, args.outfmt, args.batch_size)
    embeddings = embeddings_of(outputs, unique_index)
    run = run_record.record(args, model) | {
        "images": len(crops),
        "inferences": len(stems),
        "flip": True,
        "outfmt": args.outfmt,
        # A part of wall_s that ais_bench does not tell.
        "load_s": None,
        "inference_s": round(max(sum(part.times_ms) for part in parts) / 1000, 3),
        "wall_s": round(wall, 3),
        "device_only_fps": round(sum(part.throughput for part in parts), 1),
        "end_to_end_fps": round(len(stems) / wall, 1),
    }
    write_json(args.run, run)
    write_npy(args.out, embeddings)
    ais_bench.clear(job.out)


if __name__ == "__main__":
    exit_with(main)
