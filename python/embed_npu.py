"""Inputs + .om -> one embedding for each image, by ais_bench, and a record of the run."""

import argparse
import math
from pathlib import Path

import numpy as np

import ais_run
import ascend_outputs
import ascend_record
import npu_inputs
from atomic import write_json, write_npy
from crops import VIEWS, open_crops
from errors import ChainError, exit_with


def embeddings_of(outputs: np.ndarray, firsts: np.ndarray) -> np.ndarray:
    """Return float32 (images, 512): the L2-normalised sum of both views, as for every engine.

    ``outputs``, float32 (2 * n, 512), holds crop and mirror image in turn for each of the n
    different values in ``firsts``, int (images,), ascending.
    """
    sums = outputs[0::VIEWS] + outputs[1::VIEWS]
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    which, inverse = np.unique(firsts, return_inverse=True)
    if not norms.all():
        raise ChainError(f"image {which[norms.argmin()]} has an embedding of length zero.")
    return (sums / norms)[inverse]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    ascend_record.add_arguments(parser)
    parser.add_argument("--firsts", type=Path, help="repeats .npy (default: run every crop)")
    parser.add_argument("--inputs", type=Path, required=True, help="record of the input folder")
    parser.add_argument("--out", type=Path, required=True, help="embeddings .npy to write")
    parser.add_argument("--run", type=Path, required=True, help="JSON record to write")
    args = parser.parse_args()

    model = ascend_record.load_model_record(args.om, args.batch_size)
    crops = open_crops(args.crops)
    every = np.arange(len(crops))
    firsts = np.load(args.firsts, allow_pickle=False) if args.firsts else every
    if firsts.shape != every.shape:
        raise ChainError(f"{args.firsts} does not fit {args.crops}; run make preprocess.")
    which = np.unique(firsts)
    stems = npu_inputs.stems(which)
    # Each device gets an equal share, rounded up; with too few inputs the last get none.
    share = math.ceil(len(stems) / len(args.devices))
    if math.ceil(len(stems) / share) < len(args.devices):
        raise ChainError(f"{len(stems)} inputs are too few for {len(args.devices)} devices.")
    folder = npu_inputs.folder_of(args.inputs)
    npu_inputs.check(folder, crops, which, model["aipp"])

    job = ais_run.Job(
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
    parts, wall = ais_run.run(job)
    outputs = ascend_outputs.collect(parts, stems, args.outfmt, args.batch_size)
    embeddings = embeddings_of(outputs, firsts)
    run = ascend_record.record(args, model) | {
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
    ais_run.clear(job.out)


if __name__ == "__main__":
    exit_with(main)
