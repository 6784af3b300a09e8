"""ais_bench's outputs of a set, with the record of their run -> one embedding for each image."""

import argparse
from pathlib import Path

import numpy as np

from ascend import input_files, output_files
from common.errors import ChainError, exit_with
from common.shapes import VIEWS
from dataset.crops import open_crops
from inference.embedding import read_unique_index, to_unit_length
from seals.arrays import write_npy
from seals.ledger import made
from seals.products import read_json


def embeddings_of(outputs: np.ndarray, unique_index: np.ndarray) -> np.ndarray:
    """Return float32 (images, D): the L2-normalised sum of both views, as for every engine.

    ``outputs``, float32 (2 * n, D), holds crop and mirror image in turn for each of the n
    different values in ``unique_index``, int (images,), ascending.
    """
    which, inverse = np.unique(unique_index, return_inverse=True)
    return to_unit_length(outputs[0::VIEWS] + outputs[1::VIEWS], which)[inverse]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outputs", type=Path, required=True, help="folder that make infer left")
    parser.add_argument("--run", type=made, required=True, help="its JSON record")
    parser.add_argument("--crops", type=made, required=True, help="decoded set")
    parser.add_argument("--unique-index", type=made, required=True, help=".npy of the set")
    parser.add_argument("--out", type=Path, required=True, help="embeddings .npy to write")
    args = parser.parse_args()

    if not args.run.exists():
        raise ChainError(f"{args.run.parent} holds no outputs; run make infer first.")
    run = read_json(args.run)
    crops = open_crops(args.crops)
    if run["data_sha256"] != crops.attrs["source_sha256"]:
        raise ChainError(f"{args.outputs} is of another set than {args.crops}; run make infer.")
    # As infer ran it: every crop, or each different one.
    unique_index = read_unique_index(args.unique_index if run["unique"] else None, len(crops))
    stems = input_files.stems(np.unique(unique_index))
    outputs, checksum = output_files.load(args.outputs, stems, run["outfmt"], run["dimension"])
    if checksum != run["outputs_sha256"]:
        raise ChainError(
            f"{args.outputs} is not what {args.run} describes; remove it, run make infer."
        )
    write_npy(args.out, embeddings_of(outputs, unique_index))


if __name__ == "__main__":
    exit_with(main)
