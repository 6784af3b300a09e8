"""Accuracies next to the published ones, and the gate that compares them with the expected ones.

Published and expected figures, with their sources, are in published.json; standard library only.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from errors import ChainError, exit_with
from table import aligned

FILE = Path(__file__).with_name("published.json")
# What an expected figure may be bound to, besides network and set.
_BOUND = ("pairs", "weights_sha256", "data_sha256", "precision")


def published(figures: dict[str, Any], net: str, dataset: str) -> float | None:
    """Return the published accuracy of ``net`` on ``dataset``, or None; no check of weights."""
    return figures["published"].get(net, {}).get(dataset)


def find_expected(figures: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """Return the expected figure that applies to ``result``, the content of an accuracy.json.

    Raises ``ChainError`` where there is none for its network and set, or only ones for other
    weights, another file or another number of pairs.
    """
    name = f"NET={result['net']} on {result['dataset']}"
    entries = [
        entry
        for entry in figures["expected"]
        if (entry["net"], entry["dataset"]) == (result["net"], result["dataset"])
    ]
    if not entries:
        raise ChainError(
            f"no accuracy is expected of {name}; add one with its tolerance and source to "
            f"{FILE.name}, or leave out CHECK=1."
        )
    for entry in entries:
        if all(entry[key] == result[key] for key in _BOUND if key in entry):
            return entry
    other = next(key for key in _BOUND if key in entries[0] and entries[0][key] != result[key])
    raise ChainError(
        f"the accuracy expected of {name} belongs to {other} {entries[0][other]}, and this run "
        f"has {result[other]}; use those files, or add a figure for yours to {FILE.name}."
    )


def check(figures: dict[str, Any], result: dict[str, Any]) -> str:
    """Return a line saying that ``result`` lies within the tolerance; else raise ``ChainError``."""
    entry = find_expected(figures, result)
    low, high = (entry["accuracy"] + sign * entry["tolerance"] for sign in (-1, 1))
    name = f"{result['net']} on {result['dataset']}"
    span = f"{entry['accuracy']:.4f} +- {entry['tolerance']:.4f} ({entry['source']})"
    # Rounded, because 0.9971666666666668 is meant to be inside 0.9976666666666667 +- 0.0005.
    if not round(low, 9) <= round(result["accuracy"], 9) <= round(high, 9):
        raise ChainError(
            f"{name}: accuracy {result['accuracy']:.4f} lies outside the expected {span}; "
            "compare weights, set and precision with those of the source."
        )
    return f"check: {name}: accuracy {result['accuracy']:.4f} is within the expected {span}"


def rows(figures: dict[str, Any], results: list[dict[str, Any]]) -> list[list[str]]:
    """Return set, pairs, accuracy with interval, published accuracy and difference, as text."""
    out = []
    for result in results:
        known = published(figures, result["net"], result["dataset"])
        interval = result["accuracy_interval"]
        out.append(
            [
                result["dataset"],
                str(result["pairs"]),
                f"{result['accuracy']:.4f}",
                f"{interval['low']:.4f} to {interval['high']:.4f}",
                "none" if known is None else f"{known:.4f}",
                "" if known is None else f"{result['accuracy'] - known:+.4f}",
            ]
        )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="+", type=Path, help="accuracy.json files")
    parser.add_argument("--published", type=Path, default=FILE, help="figures and sources")
    parser.add_argument("--table", action="store_true", help="print them beside published ones")
    parser.add_argument("--check", action="store_true", help="fail outside the expected span")
    args = parser.parse_args()
    figures = json.loads(args.published.read_text(encoding="utf-8"))
    results = [json.loads(path.read_text(encoding="utf-8")) for path in args.results]
    if args.table:
        head = ["data set", "pairs", "accuracy", "95% interval", "published", "difference"]
        print(aligned([head, *rows(figures, results)]))
        for net in sorted({result["net"] for result in results}):
            key = figures["published"].get(net, {}).get("source")
            print(f"published for {net}: {figures['sources'][key] if key else 'nothing known'}")
    if args.check:
        problems = []
        for result in results:
            try:
                print(check(figures, result))
            except ChainError as error:
                print(f"check: {result['net']} on {result['dataset']}: failed")
                problems.append(str(error))
        if problems:
            several = f"{len(problems)} of {len(results)} checks failed, the first: "
            raise ChainError((several if len(results) > 1 else "") + problems[0])


if __name__ == "__main__":
    exit_with(main)
