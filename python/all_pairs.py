"""A collection of embeddings with identities -> TAR at FAR over every pair of its pictures."""

import argparse
import time
from pathlib import Path

from collection.embeddings import Collection
from common.errors import exit_with
from common.machine import here_and_now, versions
from matching.all_pairs import labelled, measure
from matching.identification import described
from seals.products import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", required=True, help="collection made by make embed")
    parser.add_argument("--out", type=Path, required=True, help="folder for all_pairs.json")
    args = parser.parse_args()
    start = time.monotonic()
    collection = Collection(args.embeddings)
    pictures, counts = labelled(collection.load(), collection.address)
    found = measure(pictures, collection.address)
    record = {"embeddings": described(collection), "counts": counts, **found}
    record["seconds"] = time.monotonic() - start
    record |= here_and_now() | {"versions": versions("numpy", "scipy", "pyarrow")}
    write_json(args.out / "all_pairs.json", record)


if __name__ == "__main__":
    exit_with(main)
