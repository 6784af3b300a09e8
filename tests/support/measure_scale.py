"""Measures what docs/scale.json holds of the driver, of disks and of pictures; no test.

    PYTHONPATH=python:tests python -m support.measure_scale driver --inputs 100000000

runs the driver's own code over a collection that is not there and prints what it took; ``files``
and ``pictures`` measure what a disk and a core do.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from collection import driver, layout, listing, shard
from collection.kinds import open_source
from collection.storage import Storage
from common.machine import here_and_now
from dataset import photograph, verification_bin
from support import big_collection


def _driver(args: argparse.Namespace) -> dict[str, Any]:
    marks, total = [], args.inputs // args.shard

    def watch(items: Iterable) -> Iterator:
        for n, item in enumerate(items):
            if n % max(1, total // 10) == 0:
                marks.append(round(_resident(), 1))
            yield item

    before = _resident()
    storage, seconds = big_collection.drive(
        args.inputs, args.shard, args.unreadable, watch, not args.unlisted
    )
    looked = marks[-2 * (len(marks) // (2 if args.unlisted else 3)) :]
    return {
        "inputs": args.inputs,
        "shards": total,
        "processor_seconds": {name: round(value, 3) for name, value in seconds.items()},
        "mb_before": round(before, 1),
        "mb_listing": None if args.unlisted else max(marks[: len(marks) - len(looked)]),
        "mb_looking": max(looked),
        "mb_peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "bytes_written": storage.written,
    }


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _files(args: argparse.Namespace) -> dict[str, Any]:
    """Real files: a shard of each type written and verified, a folder tree listed."""
    found: dict[str, Any] = {}
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    try:
        random = np.random.default_rng(0)
        vectors = random.normal(size=(args.shard, big_collection.DIMENSION))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        names = [big_collection.key(n) for n in range(args.shard)]
        for dtype in layout.DTYPES:
            storage = Storage(str(folder / dtype))
            rows = shard.Rows(
                names,
                [name[:16] for name in names],
                np.arange(args.shard),
                vectors.astype(dtype),
                np.ones(args.shard, np.float32),
            )
            start = time.perf_counter()
            for number in range(args.shards):
                shard.write(storage, number, "0" * 64, rows, [])
            written = time.perf_counter() - start
            size = len(storage.read(layout.embeddings_name(0)))
            record = len(storage.read(layout.done_name(0)))
            manifest = {"shards": args.shards, "identity": "0" * 64}
            start = time.perf_counter()
            assert driver.remaining(storage, manifest, lambda items: items) == ([], 0)
            verified = time.perf_counter() - start
            found[dtype] = {
                "bytes_a_row": size / args.shard,
                "bytes_a_record": record,
                "write_mb_s": size * args.shards / written / 1e6,
                "verify_mb_s": size * args.shards / verified / 1e6,
            }
        tree = folder / "tree"
        for number in range(args.files):
            file = tree / big_collection.key(number)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        start = time.perf_counter()
        for one in open_source(tree).inputs():
            del one
        walked = time.perf_counter() - start
        start = time.perf_counter()
        listed = listing.keep(
            listing.tables(open_source(tree), args.shard), Storage(str(folder / "l")), None
        )
        took = time.perf_counter() - start
        start = time.perf_counter()
        again = listing.keep(
            listing.tables(open_source(tree), args.shard),
            Storage(str(folder / "l")),
            listed.shards,
        )
        compared = time.perf_counter() - start
        assert again == listed
        sizes = sum(file.stat().st_size for file in (folder / "l").rglob("*.parquet"))
        found["tree"] = {
            "files": listed.inputs,
            "walked_a_second": listed.inputs / walked,
            "listed_a_second": listed.inputs / took,
            "compared_a_second": listed.inputs / compared,
            "listing_bytes_an_input": sizes / listed.inputs,
        }
    finally:
        shutil.rmtree(folder)
    return found


def _pictures(args: argparse.Namespace) -> dict[str, Any]:
    """Encoded pictures of a set: their mean size, and how fast one core decodes them."""
    images = [bytes(image) for image in verification_bin.read(args.bin).images]
    # Each different picture once: a set may hold one many times.
    images = list(dict.fromkeys(images))
    rounds = []
    for _ in range(3):
        start = time.process_time()
        for image in images:
            photograph.as_crop(photograph.decoded(image, ""), "")
        rounds.append(len(images) / (time.process_time() - start))
    return {
        "pictures": len(images),
        "bytes_a_picture": sum(map(len, images)) / len(images),
        "decoded_a_second": sorted(rounds)[1],
        "rounds": [round(rate) for rate in rounds],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("driver")
    one.add_argument("--inputs", type=int, required=True)
    one.add_argument("--shard", type=int, default=10_000)
    one.add_argument("--unreadable", type=int, default=0, help="of each shard")
    one.add_argument("--unlisted", action="store_true", help="leave out the listing")
    one.set_defaults(run=_driver)
    one = commands.add_parser("files")
    one.add_argument("--folder", type=Path, required=True, help="a disk")
    one.add_argument("--shard", type=int, default=10_000)
    one.add_argument("--shards", type=int, default=20)
    one.add_argument("--files", type=int, default=100_000)
    one.set_defaults(run=_files)
    one = commands.add_parser("pictures")
    one.add_argument("--bin", type=Path, required=True)
    one.set_defaults(run=_pictures)
    args = parser.parse_args()
    pa.set_cpu_count(1)
    print(json.dumps(args.run(args) | here_and_now(), indent=1))


if __name__ == "__main__":
    main()
