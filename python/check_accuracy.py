"""Fails where an accuracy is not the expected one, within its tolerance; standard library only."""

import argparse
from pathlib import Path

from common.errors import ChainError, exit_with
from evaluation.published import check, figures
from seals.products import read_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="+", type=Path, help="accuracy.json files")
    args = parser.parse_args()
    problems = []
    for path in args.results:
        result = read_json(path)
        try:
            print(check(figures(), result))
        except ChainError as error:
            print(f"check: {result['net']} on {result['dataset']}: failed")
            problems.append(str(error))
    if problems:
        several = f"{len(problems)} of {len(args.results)} checks failed, the first: "
        raise ChainError((several if len(args.results) > 1 else "") + problems[0])


if __name__ == "__main__":
    exit_with(main)
