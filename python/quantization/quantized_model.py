"""A quantized model on disk: model.xml and model.bin, and quant.json that says what they are."""

import hashlib
import json
from pathlib import Path
from typing import Any

from common.checksum import sha256
from common.errors import ChainError

GRAPH, WEIGHTS, REPORT = "model.xml", "model.bin", "quant.json"
# The part of the report that results carry along.
SUMMARY = ("calibration", "held_out", "kept")


def checksum(folder: Path) -> str:
    """Return one sha256 for graph and weights in ``folder``."""
    both = f"{sha256(folder / GRAPH)} {sha256(folder / WEIGHTS)}"
    return hashlib.sha256(both.encode()).hexdigest()


def read(graph: Path) -> dict[str, Any]:
    """Return the report that belongs to the quantized model ``graph``.

    Raises ``ChainError`` where the three files do not belong together.
    """
    try:
        report = json.loads((graph.parent / REPORT).read_text(encoding="utf-8"))
        fits = report["model_sha256"] == checksum(graph.parent)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        fits = False
    if not fits:
        raise ChainError(
            f"{graph} is not the model that {graph.parent / REPORT} describes; "
            f"remove {graph.parent} and run make quantize."
        )
    return report
