"""Print stored results; standard library only, so that it answers at once."""

import argparse
from pathlib import Path

from common.errors import exit_with
from reporting import guide_table, peers_table, set_table
from reporting.card import card
from reporting.terminal import fastest_lines, lines_of
from seals.products import read_json

DEMO = """
The demo's weights are random and its pairs are made up: its accuracy checks the
plumbing, not a model. Its throughput is a real one: trained weights run as fast.
Everything is in the report, result/report.html.

With your own verification set and checkpoint:
  make accuracy perf DATA=faces.bin NET=ir_se100 WEIGHTS=model.pth
"""
# Results of one configuration: they end with its card.
CARDS = ("accuracy.json", "perf.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="*", type=Path, help="JSON files of results")
    parser.add_argument(
        "--table",
        choices=("batches", "engines", "peers", "sets"),
        help="one table instead of lines for each",
    )
    parser.add_argument("--no-card", action="store_true", help="another result of it follows")
    parser.add_argument("--demo", action="store_true", help="what a demonstration means")
    args = parser.parse_args()
    if args.table == "batches":
        print(guide_table.text([path.parent for path in args.results]))
    elif args.table == "engines":
        print(*fastest_lines([read_json(path) for path in args.results]), sep="\n")
    elif args.table == "sets":
        print(set_table.text([read_json(path) for path in args.results]))
    elif args.table == "peers":
        print(*(peers_table.text(read_json(path)) for path in args.results), sep="\n")
    else:
        for path in args.results:
            several = [path] if len(args.results) > 1 else []
            print(*several, *lines_of(read_json(path)), sep="\n")
        if len(args.results) == 1 and path.name in CARDS and not args.no_card:
            print("", *card(path.parent), sep="\n")
    if args.demo:
        print(DEMO, end="")


if __name__ == "__main__":
    exit_with(main)
