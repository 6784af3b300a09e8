"""Verification .bin -> decoded crops (bcolz, uint8 NCHW, BGR), labels and unique index (.npy)."""

import argparse
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bcolz
import cv2
import numpy as np

from common.checksum import sha256
from common.errors import exit_with
from common.files import replacing, write_npy
from common.machine import usable_cpus
from common.progress import progress
from common.shapes import SIDE
from dataset import verification_bin
from dataset.decode import decode

# Images in one bcolz chunk (4.8 MB of pixels): the unit that is decoded, stored and read back.
CHUNK = 128


def preprocess(source: Path, crops: Path, unique_index: Path, labels: Path) -> None:
    """Decode ``source`` into the bcolz array ``crops``; write ``unique_index`` and ``labels``.

    ``crops`` becomes uint8 (2N, 3, 112, 112) in BGR and carries ``source_sha256``. ``unique_index``
    is int64 (2N,): for each crop the index of the first one with the same pixels. ``labels``
    is bool (N,). Raises ``ChainError`` for a malformed file or image; no product is touched
    then.
    """
    pairs = verification_bin.read(source)
    seen: dict[bytes, int] = {}
    first: list[int] = []
    with replacing(crops) as temporary:
        store = bcolz.carray(
            np.empty((0, 3, SIDE, SIDE), np.uint8),
            rootdir=str(temporary),
            mode="w",
            chunklen=CHUNK,
            # Decoded photographs hardly shrink; lz4 costs the least time.
            cparams=bcolz.cparams(clevel=1, cname="lz4", shuffle=bcolz.NOSHUFFLE),
        )
        for block in progress(_blocks(pairs.images, source), -(-len(pairs.images) // CHUNK)):
            for pixels in block:
                digest = hashlib.sha256(pixels).digest()
                first.append(seen.setdefault(digest, len(first)))
            store.append(block)
        store.attrs["source_sha256"] = sha256(source)
        store.flush()
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=Path, required=True, help="verification .bin")
    parser.add_argument("--crops", type=Path, required=True, help="bcolz directory to write")
    parser.add_argument("--unique-index", type=Path, required=True, help=".npy to write")
    parser.add_argument("--labels", type=Path, required=True, help=".npy to write")
    args = parser.parse_args()
    preprocess(args.bin, args.crops, args.unique_index, args.labels)


if __name__ == "__main__":
    exit_with(main)
