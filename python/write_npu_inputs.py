"""Decoded set -> one .bin an image and view for ais_bench, and a record of them."""

import argparse
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ascend import input_files
from common.arrays import read_npy
from common.errors import ChainError, exit_with
from common.files import remove
from common.machine import usable_cpus
from common.progress import progress
from common.shapes import VIEWS
from dataset import preprocessing
from dataset.crops import open_crops
from dataset.preprocessing import Preprocessing
from seals.ledger import made
from seals.products import product, write_json

# Crops that one process encodes at a time.
CHUNK = 64


def write(crops: Path, which: np.ndarray, form: Preprocessing, aipp: bool, folder: Path) -> None:
    """Write the inputs for the crops ``which``, int (n,) ascending, as all that ``folder`` holds.

    ``form`` is what the network expects; with ``aipp`` the NPU does the rest.

    Raises ``ChainError`` where the disk has no room for them. An old ``folder`` is removed
    first, because two of them may not fit.
    """
    remove(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    needed = VIEWS * len(which) * input_files.file_size(aipp)
    free = shutil.disk_usage(folder.parent).free
    if free < needed:
        raise ChainError(
            f"{folder} needs {needed / 1e9:.2f} GB but {folder.parent} has {free / 1e9:.2f} GB "
            "free; make room, or use AIPP=1, which needs a quarter."
        )
    parts = [which[i : i + CHUNK] for i in range(0, len(which), CHUNK)]
    with product(folder) as temporary:
        temporary.mkdir(mode=0o755)
        work = partial(_write_part, crops, form, aipp, temporary)
        # Fresh processes: what the parent's libraries hold in threads does not survive a fork.
        with ProcessPoolExecutor(usable_cpus(), mp_context=get_context("spawn")) as pool:
            for _ in progress(pool.map(work, parts), len(parts)):
                pass


def _write_part(
    source: Path, form: Preprocessing, aipp: bool, folder: Path, which: np.ndarray
) -> None:
    crops = open_crops(source)
    first = int(which[0])
    block = crops[first : int(which[-1]) + 1]
    for index in which.tolist():
        views = input_files.encode(block[index - first], form, aipp)
        for stem, content in zip(input_files.stems(np.array([index])), views, strict=True):
            path = folder / f"{stem}.bin"
            content.tofile(path)
            # Newer versions of ais_bench refuse what others may write.
            path.chmod(0o644)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crops", type=made, required=True, help="decoded set")
    parser.add_argument("--unique-index", type=made, help=".npy (default: write every crop)")
    parser.add_argument("--aipp", action="store_true", help="uint8 NHWC, for a model with AIPP")
    preprocessing.add_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write; files: its stem")
    args = parser.parse_args()
    form = preprocessing.parse(args.colour, args.mean, args.scale)
    crops = open_crops(args.crops)
    which = np.arange(len(crops))
    if args.unique_index:
        which = np.unique(read_npy(args.unique_index, "i", 1))
    remove(args.out)
    write(args.crops, which, form, args.aipp, input_files.folder_of(args.out))
    write_json(
        args.out,
        {
            "files": VIEWS * len(which),
            "bytes": input_files.file_size(args.aipp),
            "aipp": args.aipp,
            "preprocessing": form.record(),
            "unique": bool(args.unique_index),
            "data_sha256": crops.attrs["source_sha256"],
        },
    )


if __name__ == "__main__":
    exit_with(main)
