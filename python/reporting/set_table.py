"""Accuracies on several sets beside the published ones; standard library only."""

from typing import Any

from common.table import aligned
from evaluation.published import figures, published

HEADER = ["data set", "pairs", "accuracy", "95% interval", "published", "difference"]


def text(results: list[dict[str, Any]]) -> str:
    """Return the table of ``results``, contents of accuracy.json, and where figures are from."""
    known = figures()
    lines = [aligned([HEADER, *(row(result, known) for result in results)])]
    for net in sorted({result["net"] for result in results}):
        key = known["published"].get(net, {}).get("source")
        lines.append(f"published for {net}: {known['sources'][key] if key else 'nothing known'}")
    return "\n".join(lines)


def row(result: dict[str, Any], known: dict[str, Any]) -> list[str]:
    """Return set, pairs, accuracy with interval, published accuracy and difference, as text."""
    accuracy, interval = result["accuracy"], result["accuracy_interval"]
    figure = published(known, result["net"], result["dataset"])
    return [
        result["dataset"],
        str(result["pairs"]),
        f"{accuracy:.4f}",
        f"{interval['low']:.4f} to {interval['high']:.4f}",
        "none" if figure is None else f"{figure:.4f}",
        "" if figure is None else f"{accuracy - figure:+.4f}",
    ]
