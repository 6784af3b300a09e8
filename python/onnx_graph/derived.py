"""A model made of an ONNX file for one runtime alone, a folder: graph, weights, and a record.

The record has ``source``, the metadata of the ONNX file, ``model_sha256`` of graph and weights,
and ``gflop_per_image``.
"""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from common.checksum import sha256
from common.errors import ChainError
from common.files import sync
from seals.products import read_json, seal, write_json


class Kind(NamedTuple):
    """``graph``, ``weights`` and ``report`` are file names; ``summary`` what of the report results
    carry along, as ``key``; ``remake`` is the command that makes the model anew.
    """

    graph: str
    weights: str
    report: str
    key: str
    summary: tuple[str, ...]
    remake: str


OPENVINO_INT8 = Kind(
    "model.xml",
    "model.bin",
    "quant.json",
    "quantized",
    ("calibration", "held_out", "kept"),
    "run make quantize",
)
NCNN = Kind("model.param", "model.bin", "ncnn.json", "converted", ("parity",), "run make again")
# By the suffix of the graph, which tells what a model file is.
_KINDS = {Path(kind.graph).suffix: kind for kind in (OPENVINO_INT8, NCNN)}


def kind_of(model: Path) -> Kind | None:
    """Return what ``model`` is by its name; None for an ONNX file."""
    return _KINDS.get(model.suffix)


def checksum(folder: Path, kind: Kind) -> str:
    """Return one sha256 for graph and weights in ``folder``."""
    both = f"{sha256(folder / kind.graph)} {sha256(folder / kind.weights)}"
    return hashlib.sha256(both.encode()).hexdigest()


def read(graph: Path) -> dict[str, Any]:
    """Return the record that belongs to the derived model ``graph``.

    Raises ``ChainError`` where the three files do not belong together.
    """
    folder, kind = graph.parent, _KINDS[graph.suffix]
    try:
        report = read_json(folder / kind.report)
        fits = report.get("model_sha256") == checksum(folder, kind)
    except (FileNotFoundError, ChainError):
        fits = False
    if not fits:
        raise ChainError(
            f"{graph} is not the model that {folder / kind.report} describes; "
            f"remove {folder} and {kind.remake}."
        )
    return report


def write(report: dict[str, Any], made: Path, folder: Path, kind: Kind) -> None:
    """Move graph and weights from the folder ``made`` into ``folder``, with ``report``, sealed.

    The graph comes last.
    """
    write_json(folder / kind.report, report)
    sync(made)
    parts = {kind.weights: made / kind.weights, kind.report: folder / kind.report}
    seal(folder / kind.graph, made / kind.graph, parts)
    (made / kind.weights).replace(folder / kind.weights)
    (made / kind.graph).replace(folder / kind.graph)
