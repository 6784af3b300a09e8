"""Probes, searched in a gallery -> their nearest entries, and how often they are right."""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from collection.embeddings import Collection, Shard
from common.errors import exit_with
from common.files import replacing
from common.machine import here_and_now, versions
from evaluation.threshold_card import cosine
from matching.approximate import approximate
from matching.identification import (
    RANKS,
    asymmetric,
    described,
    rates,
    refuse_other_space,
    same_pictures,
)
from matching.search import Nearest, exact
from seals.products import write_json

# Of matches written at a time.
ROWS = 2**20
MATCHES = pa.schema(
    [
        ("probe", pa.string()),
        ("rank", pa.int32()),
        ("gallery", pa.string()),
        ("label", pa.string()),
        ("cosine", pa.float64()),
        ("squared_distance", pa.float64()),
    ]
)


def names(gallery: Collection) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return the keys and the labels of ``gallery``, without its embeddings."""
    keys, labels = zip(*((shard.keys, shard.labels) for shard in gallery.shards()), strict=True)
    return pa.chunked_array(keys, pa.string()), pa.chunked_array(labels, pa.string())


def write_matches(path: Path, top: int, nearest: Nearest, probes: Shard, keys: Any, labels: Any):
    """Write the ``top`` nearest of each probe, nearest first, as Parquet: MATCHES."""
    with replacing(path) as temporary, pq.ParquetWriter(temporary, MATCHES) as writer:
        step = max(1, ROWS // top)
        for first in range(0, len(nearest.rows), step):
            rows = nearest.rows[first : first + step, :top]
            distances = nearest.distances[first : first + step, :top]
            probe, rank = np.nonzero(rows >= 0)
            found = rows[probe, rank]
            columns = [
                probes.keys.take(pa.array(probe + first)).combine_chunks(),
                pa.array((rank + 1).astype(np.int32)),
                keys.take(pa.array(found)).combine_chunks(),
                labels.take(pa.array(found)).combine_chunks(),
                pa.array(cosine(distances[probe, rank])),
                pa.array(distances[probe, rank]),
            ]
            writer.write_table(pa.table(columns, schema=MATCHES))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gallery", required=True, help="collection made by make embed")
    parser.add_argument("--probes", required=True, help="another, or the same")
    parser.add_argument("--top", type=int, required=True, help="matches a probe")
    parser.add_argument("--index", help="approximate search by an index in python/indexes/")
    parser.add_argument("--out", type=Path, required=True, help="folder for matches and record")
    args = parser.parse_args()
    gallery, probes = Collection(args.gallery), Collection(args.probes)
    refuse_other_space(gallery, probes)
    mine = probes.load()
    keys, labels = names(gallery)
    same, note = same_pictures(gallery, probes, keys, mine.keys)
    count = min(max(args.top, *RANKS), gallery.rows)
    start, index = time.monotonic(), None
    if args.index:
        nearest, index = approximate(args.index, gallery, mine.vectors, count, args.top, same)
    else:
        nearest = exact(gallery, mine.vectors, count, same, "shard of the gallery")
    seconds = time.monotonic() - start
    write_matches(args.out / "matches.parquet", args.top, nearest, mine, keys, labels)
    found = rates(nearest, labels, mine.labels, same)
    found["notes"] += [note] if note else []
    packages = ("numpy", "scipy", "pyarrow", *(["faiss-cpu"] if args.index else []))
    record = {
        "gallery": described(gallery),
        "probes": described(probes),
        "asymmetric_precision": asymmetric(gallery, probes),
        "top": args.top,
        "same_picture": int((same >= 0).sum()),
        "identification": found,
        "index": index,
        "seconds": seconds,
        "versions": versions(*packages),
    }
    write_json(args.out / "identify.json", record | here_and_now())


if __name__ == "__main__":
    exit_with(main)
