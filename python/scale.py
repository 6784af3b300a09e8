"""Measured figures -> what 10^6, 10^8 and 10^9 faces take: of one perf.json, or docs/scale.md."""

import argparse
from pathlib import Path

from common import records
from common.errors import ChainError, exit_with
from common.files import replacing
from evaluation.published import figures, published
from reporting.scale_card import card
from reporting.scale_page import filled
from reporting.scale_tables import tables
from seals.products import read_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", type=Path, required=True, help="docs/scale.json")
    parser.add_argument("--perf", type=Path, help="perf.json to print the table of")
    parser.add_argument("--price", type=float, help="of a node for an hour, for the cost")
    parser.add_argument("--pages", type=Path, nargs="*", default=[], help="pages to fill in")
    parser.add_argument("--check", action="store_true", help="fail where a page is out of date")
    args = parser.parse_args()
    known = records.read_json(args.figures)
    if args.perf:
        print(*card(read_json(args.perf), known, args.price), sep="\n")
    guide = figures()["guide"]
    guide = guide | {"accuracy": published(figures(), guide["net"], guide["dataset"])}
    for page in args.pages:
        old = page.read_text(encoding="utf-8")
        new = filled(old, tables(known, guide), chinese=".zh-CN." in page.name)
        if args.check and new != old:
            raise ChainError(f"{page} is out of date; run python/scale.py without --check.")
        if new != old:
            with replacing(page) as temporary:
                temporary.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    exit_with(main)
