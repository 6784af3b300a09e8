"""The published figures, and the accuracies expected of known files: published.json.

Standard library only.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from common.errors import ChainError

FILE = Path(__file__).with_name("published.json")
# What an expected figure may be bound to, besides network and set.
_BOUND = ("pairs", "weights_sha256", "data_sha256", "precision")


@cache
def figures() -> dict[str, Any]:
    """Return the content of published.json: figures with their sources."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def published(known: dict[str, Any], net: str, dataset: str) -> float | None:
    """Return the published accuracy of ``net`` on ``dataset``, or None; no check of weights."""
    return known["published"].get(net, {}).get(dataset)


def find_expected(known: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """Return the expected figure that applies to ``result``, the content of an accuracy.json.

    Raises ``ChainError`` where there is none for its network and set, or only ones for other
    weights, another file or another number of pairs.
    """
    name = f"NET={result['net']} on {result['dataset']}"
    entries = [
        entry
        for entry in known["expected"]
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


def check(known: dict[str, Any], result: dict[str, Any]) -> str:
    """Return a line saying that ``result`` lies within the tolerance; else raise ``ChainError``."""
    entry = find_expected(known, result)
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
