"""What reading safely costs: safe reading plus decoding against plain pickle plus decoding.

Plain pickle executes whatever the file contains: run this on files that you trust.
"""

import argparse
import pickle
import statistics
import time
from pathlib import Path

import cv2
import numpy as np

from common.errors import exit_with
from dataset import verification_bin
from dataset.decode import decode


def plain(path: Path) -> None:
    """Read and decode as the guide does."""
    with path.open("rb") as file:
        images, _ = pickle.load(file, encoding="bytes")  # noqa: S301
    for image in images:
        cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)


def safe(path: Path) -> None:
    """Read and decode as the chain does, on one thread."""
    for index, image in enumerate(verification_bin.read(path).images):
        decode(image, index, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="verification .bin")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    path, rounds = args.path, args.rounds
    cv2.setNumThreads(1)
    seconds: dict[str, list[float]] = {"plain": [], "safe": []}
    for turn in range(rounds + 1):
        for way in (plain, safe) if turn % 2 else (safe, plain):
            # Processor time: other work on the machine disturbs it less than the clock.
            start = time.process_time()
            way(path)
            if turn:  # the first round warms the caches
                seconds[way.__name__].append(time.process_time() - start)
    for name, values in seconds.items():
        print(f"{name}: median {statistics.median(values):.3f} s, best {min(values):.3f} s")
    ratios = [s / p for s, p in zip(seconds["safe"], seconds["plain"], strict=True)]
    print(f"safe / plain: median {statistics.median(ratios):.3f} of {rounds} pairs of runs")


if __name__ == "__main__":
    exit_with(main)
