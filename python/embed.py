"""Decoded set + model -> one embedding for each image, and a record of the run."""

import argparse
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import bcolz
import numpy as np

import configuration
from atomic import write_json, write_npy
from crops import VIEWS, batches, open_crops, prefetch
from engines import Engine, takes_pixels
from errors import ChainError, exit_with
from progress import progress
from schedule import Busy, outputs

DIMENSION = 512


def embed(
    engine: Engine, crops: bcolz.carray, firsts: np.ndarray, batch_size: int
) -> tuple[np.ndarray, float]:
    """Return float32 (images, 512) unit-length embeddings and the seconds the engine was busy.

    An embedding is the L2-normalised sum of the network's output for the crop and for its
    mirror image, as the reference protocol has it. ``firsts``, int (images,), names for each
    crop the first one of the same pixels: only those are run. Raises ``ChainError`` naming the
    image where the network's output is not finite.
    """
    sums = np.zeros((len(crops), DIMENSION), np.float32)
    which = np.unique(firsts)
    total = -(-VIEWS * len(which) // batch_size)
    # The crops of the batches that the engine has not answered yet.
    waiting: deque[np.ndarray] = deque()

    def inputs() -> Iterator[np.ndarray]:
        ready = prefetch(batches(crops, which, batch_size, takes_pixels(engine)))
        for batch in progress(ready, total):
            waiting.append(batch.images)
            yield batch.input

    busy = Busy()
    for output in outputs(engine, inputs(), busy):
        images = waiting.popleft()
        output = output[: len(images)]
        bad = ~np.isfinite(output).all(axis=1)
        if bad.any():
            raise ChainError(
                f"the network's output for image {images[bad][0]} is not finite; check the "
                "weights and the precision."
            )
        np.add.at(sums, images, output)
    norms = np.linalg.norm(sums[which], axis=1, keepdims=True)
    if not norms.all():
        raise ChainError(f"image {which[norms.argmin()]} has an embedding of length zero.")
    sums[which] /= norms
    return sums[firsts], busy.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    configuration.add_arguments(parser)
    parser.add_argument("--firsts", type=Path, help="repeats .npy (default: run every crop)")
    parser.add_argument("--out", type=Path, required=True, help="embeddings .npy to write")
    parser.add_argument("--run", type=Path, required=True, help="JSON record to write")
    args = parser.parse_args()

    start = time.perf_counter()
    crops = open_crops(args.crops)
    every = np.arange(len(crops))
    firsts = np.load(args.firsts, allow_pickle=False) if args.firsts else every
    if firsts.shape != every.shape:
        raise ChainError(f"{args.firsts} does not fit {args.crops}; run make preprocess.")
    engine = configuration.load_engine(args, throughput=True)
    loaded = time.perf_counter()
    embeddings, seconds = embed(engine, crops, firsts, args.batch_size)
    wall = time.perf_counter() - loaded
    inferences = VIEWS * len(np.unique(firsts))
    run = configuration.record(args, engine) | {
        "images": len(crops),
        "inferences": inferences,
        "flip": True,
        "load_s": round(loaded - start, 3),
        "inference_s": round(seconds, 3),
        "wall_s": round(wall, 3),
        "end_to_end_fps": round(inferences / wall, 1),
    }
    write_json(args.run, run)
    write_npy(args.out, embeddings)


if __name__ == "__main__":
    exit_with(main)
