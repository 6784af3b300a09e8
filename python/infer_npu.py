"""Inputs + .om -> ais_bench's outputs, one file an image and view, and a record of the run."""

import argparse
import math
from pathlib import Path

import numpy as np

from ascend import ais_bench, input_files, output_files, run_record
from common.errors import ChainError, exit_with
from common.machine import here_and_now
from dataset.crops import open_crops
from dataset.preprocessing import of_record
from inference.embedding import read_unique_index
from seals.ledger import made
from seals.products import begin, write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    run_record.add_arguments(parser)
    parser.add_argument("--crops", type=made, required=True, help="decoded set")
    parser.add_argument("--outfmt", choices=output_files.FORMATS, default="NPY")
    parser.add_argument("--unique-index", type=made, help=".npy (default: run every crop)")
    parser.add_argument("--inputs", type=made, required=True, help="record of the input folder")
    parser.add_argument("--outputs", type=Path, required=True, help="folder to write")
    parser.add_argument("--run", type=Path, required=True, help="JSON record to write")
    args = parser.parse_args()

    model = run_record.load_model_record(args.om, args.batch_size)
    parity = run_record.load_parity(args.om, model)
    crops = open_crops(args.crops)
    which = np.unique(read_unique_index(args.unique_index, len(crops)))
    stems = input_files.stems(which)
    # Each device gets an equal share, rounded up; with too few inputs the last get none.
    share = math.ceil(len(stems) / len(args.devices))
    if math.ceil(len(stems) / share) < len(args.devices):
        raise ChainError(f"{len(stems)} inputs are too few for {len(args.devices)} devices.")
    folder = input_files.folder_of(args.inputs)
    form = of_record(model["preprocessing"])
    # The first names the file at fault, the second finds the rest.
    input_files.check(folder, crops, which, form, model["aipp"])
    made(str(folder))

    batches = math.ceil(len(stems) / args.batch_size)
    limit_s = ais_bench.limit_s(parity["wall_s"], parity["batch_ms"], batches, len(stems))
    with ais_bench.private_folder(args.outputs.parent) as private:
        job = run_record.job(args, private, limit_s)
        job = job._replace(inputs=folder, outfmt=args.outfmt)
        parts, wall = ais_bench.run(job)
        begin(args.run)
        checksum = output_files.keep(parts, stems, job, model["dimension"], args.outputs)
    run = (
        run_record.record(args, model, parity)
        | here_and_now()
        | {
            "images": len(crops),
            "inferences": len(stems),
            "unique": bool(args.unique_index),
            "flip": True,
            "outfmt": args.outfmt,
            "outputs_sha256": checksum,
            # A part of wall_s that ais_bench does not tell.
            "load_s": None,
            "inference_s": round(max(sum(part.times_ms) for part in parts) / 1000, 3),
            "wall_s": round(wall, 3),
            "device_only_fps": round(sum(part.throughput for part in parts), 1),
            "end_to_end_fps": round(len(stems) / wall, 1),
        }
    )
    write_json(args.run, run)


if __name__ == "__main__":
    exit_with(main)
