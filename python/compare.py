"""Two results of one set, compared pair by pair -> sentences, JSON."""

import argparse
from pathlib import Path

from common.errors import exit_with
from evaluation.comparison import compare, lines
from evaluation.outcome import load_outcome
from seals.products import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--a", type=Path, required=True, help="result folder of A")
    parser.add_argument("--b", type=Path, required=True, help="result folder of B")
    parser.add_argument("--data", type=Path, required=True, help="folder of the decoded sets")
    parser.add_argument("--out", type=Path, required=True, help="folder for the JSON")
    args = parser.parse_args()
    found = compare(load_outcome(args.a, args.data), load_outcome(args.b, args.data))
    path = args.out / f"{found['a']}_against_{found['b']}.json"
    write_json(path, found)
    print(*lines(found), f"written to {path}", sep="\n")


if __name__ == "__main__":
    exit_with(main)
