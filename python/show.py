"""Print stored results; standard library only, so that it answers at once."""

import argparse
from pathlib import Path

from common.errors import exit_with
from common.records import read_json
from reporting import guide_table, peers_table, set_table
from reporting.terminal import lines_of

DEMO = """
The demo's results are in {}/.
Its weights are random and its pairs are made up: its accuracy checks the
plumbing, not a model. Its fps is a real one: trained weights run as fast."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="*", type=Path, help="JSON files of results")
    parser.add_argument(
        "--table", choices=("batches", "sets", "peers"), help="one table instead of lines for each"
    )
    parser.add_argument("--demo", type=Path, help="result folder of a demonstration")
    args = parser.parse_args()
    if args.table == "batches":
        print(guide_table.text([path.parent for path in args.results]))
    elif args.table == "sets":
        print(set_table.text([read_json(path) for path in args.results]))
    elif args.table == "peers":
        print(*(peers_table.text(read_json(path)) for path in args.results), sep="\n")
    else:
        for path in args.results:
            print(path, *lines_of(read_json(path)), sep="\n")
    if args.demo:
        print(DEMO.format(args.demo))


if __name__ == "__main__":
    exit_with(main)
