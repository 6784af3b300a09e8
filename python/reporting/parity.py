"""How near each stage of the chain comes to the one it was made from, for each checkpoint."""

from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from common.errors import ChainError
from onnx_graph import store
from reporting.cells import Cell, Table, number
from reporting.configuration import Configuration
from seals.products import read_json
from seals.seal import Rotten, digest, load, remedy


def parity(configurations: list[Configuration], model: Path) -> Table:
    """The gates that the models of ``configurations`` passed; ``model`` is the models' folder.

    What lies there is shown only for results of the same weights: a checkpoint of another content
    may have had that name. Where it is damaged a note of the configuration says so.
    """
    columns = ["checkpoint", "weights", "batch", "stage", "lowest cosine"]
    columns += ["largest relative error", "mean cosine"]
    rows: dict[tuple, list[Cell]] = {}
    for c in configurations:
        stages = _of_graphs(c, model)
        if found := c.identity.get("device_parity"):
            stages[f"ONNX Runtime and {c['device']}, {c['precision']} {c.variant}"] = found
        if quantized := c.identity.get("quantized"):
            held = quantized["held_out"]
            stages[f"fp32 and INT8, {held['images']} images of {held['set']} held out"] = held
        if converted := c.identity.get("converted"):
            stages["PyTorch and ncnn's form"] = converted["parity"]
        for stage, found in stages.items():
            # A model of its own for the runtime serves every batch size.
            size = None if "INT8" in stage or "ncnn" in stage else c["batch_size"]
            note = c.calibration if "INT8" in stage else ""
            rows[c["checkpoint"], c["weights_sha256"], size, stage] = [
                Cell(c["checkpoint"], note=c.demo),
                Cell(c["weights_sha256"][:8]),
                Cell("any") if size is None else number(size, "d"),
                Cell(stage, note=note),
                number(found.get("min_cosine"), ".8f"),
                number(found.get("max_relative_error"), ".1e"),
                number(found.get("mean_cosine"), ".8f"),
            ]
    return Table("Each stage compared with what it was made from", columns, list(rows.values()))


def _of_graphs(c: Configuration, model: Path) -> dict[str, dict[str, Any]]:
    """Return what the gates of the ONNX stages found, by what was compared with what."""
    stem = f"{c['checkpoint']}_bs{c['batch_size']}"
    found = {}
    for stage, record in (("sim", "parity"), ("fused", "fused")):
        graph, path = model / f"{stem}_{stage}.onnx", model / f"{stem}_{record}.json"
        if not graph.exists() or not path.exists():
            continue  # the model is gone, and its parity with it
        try:
            # The graph alone: its weights are another 260 MB, and nothing here is of them.
            if digest(graph) != load(graph).sha256:
                raise Rotten(f"{graph} is not as it was written; {remedy(graph)}.")
            source, gates = store.metadata(store.load_graph(graph)), read_json(path)
        except (ChainError, DecodeError, OSError) as error:
            c.notes.append(f"no parity of its {stage} graph: {error}")
            continue
        if source.get("weights_sha256") == c["weights_sha256"]:
            gates = {"fused": gates.get("parity", {})} if stage == "fused" else gates
            found |= {f"{store.origin(source)} and {name}": gate for name, gate in gates.items()}
    return found
