"""Results of several batch sizes -> the guide's table; standard library only."""

import argparse
import json
from pathlib import Path

from errors import exit_with

HEADER = ["device", "batch", "data set", "accuracy", "fps"]
# What must be equal for an accuracy and a throughput to stand in one row.
_SAME = ("model_sha256", "data_sha256", "provider", "device")


def row(folder: Path) -> list[str]:
    """Return device, batch, set, accuracy and fps of one result folder, as text.

    The accuracy is shown only where it was measured with the model and data of perf.json.
    """
    perf = json.loads((folder / "perf.json").read_text(encoding="utf-8"))
    accuracy = "not measured"
    if (folder / "accuracy.json").exists():
        result = json.loads((folder / "accuracy.json").read_text(encoding="utf-8"))
        same = all(result[key] == perf[key] for key in _SAME)
        accuracy = f"{result['accuracy']:.4f}" if same else "out of date"
    fps = f"{perf['throughput_fps']:.1f}"
    return [perf["device"], str(perf["batch_size"]), perf["dataset"], accuracy, fps]


def aligned(rows: list[list[str]]) -> str:
    """Return ``rows``, the first being the heading, as a Markdown table with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) + " |" for r in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="result folders, one a batch size")
    rows = [row(folder) for folder in parser.parse_args().folders]
    print(aligned([HEADER, *rows]))


if __name__ == "__main__":
    exit_with(main)
