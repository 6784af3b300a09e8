"""Verification .bin -> decoded crops (uint8 NCHW, BGR), labels and unique index (.npy)."""

import argparse
import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from common.errors import exit_with
from common.machine import usable_cpus
from common.progress import progress
from dataset import crop_store, verification_bin
from dataset.crop_store import CHUNK
from dataset.decode import decode
from evaluation.protocol import refuse_repeats, refuse_unscorable
from seals.arrays import write_npy
from seals.ledger import brought, sha256_of
from seals.products import begin, product


def preprocess(source: Path, crops: Path, unique_index: Path, labels: Path) -> None:
    """Decode ``source`` into the set ``crops``; write ``unique_index`` and ``labels``.

    ``crops`` becomes uint8 (2N, 3, 112, 112) in BGR and carries ``source_sha256``. ``unique_index``
    is int64 (2N,): for each crop the index of the first one with the same pixels. ``labels``
    is bool (N,). Raises ``ChainError`` for a malformed file or image, and for a set that
    the protocol cannot score; no product is touched then.
    """
    pairs = verification_bin.read(source)
    first: list[int] = []
    with product(crops) as temporary:
        blocks = progress(_blocks(pairs.images, source), -(-len(pairs.images) // CHUNK))
        crop_store.write(temporary, len(pairs.images), _compared(blocks, first))
        refuse_unscorable(pairs.issame, source)
        refuse_repeats(np.array(first), source)
        crop_store.set_attributes(temporary, {"source_sha256": sha256_of(source)})
        begin(labels)
    write_npy(unique_index, np.array(first))
    write_npy(labels, pairs.issame)


def _blocks(images: list, source: Path) -> Iterator[np.ndarray]:
    cv2.setNumThreads(1)  # one thread an image, several images at a time
    with ThreadPoolExecutor(usable_cpus()) as pool:
        for start in range(0, len(images), CHUNK):
            part = images[start : start + CHUNK]
            indices = range(start, start + len(part))
            decoded = list(pool.map(lambda e, i: decode(e, i, source), part, indices))
            yield np.ascontiguousarray(np.stack(decoded))


def _compared(blocks: Iterable[np.ndarray], first: list[int]) -> Iterator[np.ndarray]:
    # Adds to ``first``, for each crop, the index of the first one with the same pixels.
    seen: dict[bytes, int] = {}
    for block in blocks:
        for pixels in block:
            first.append(seen.setdefault(hashlib.sha256(pixels).digest(), len(first)))
        yield block


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=brought, required=True, help="verification .bin")
    parser.add_argument("--crops", type=Path, required=True, help="folder to write")
    parser.add_argument("--unique-index", type=Path, required=True, help=".npy to write")
    parser.add_argument("--labels", type=Path, required=True, help=".npy to write")
    args = parser.parse_args()
    preprocess(args.bin, args.crops, args.unique_index, args.labels)


if __name__ == "__main__":
    exit_with(main)
