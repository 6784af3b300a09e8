"""Every product, held against its seal: which are sound, rotten, outdated or unknown."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from common.errors import exit_with
from seals.walk import OUTDATED, ROTTEN, SOUND, UNKNOWN, walk


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="data, model and result")
    args = parser.parse_args()
    counts: Counter[str] = Counter()
    for finding in walk([folder for folder in args.folders if folder.is_dir()]):
        counts[finding.state] += 1
        if finding.state != SOUND:
            print(f"{finding.state:8} {finding.why}")
    print(", ".join(f"{counts[state]} {state}" for state in (SOUND, ROTTEN, OUTDATED, UNKNOWN)))
    if counts[ROTTEN] or counts[OUTDATED]:
        sys.exit(1)


if __name__ == "__main__":
    exit_with(main)
