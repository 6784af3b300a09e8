"""The tables of docs/scale.md, from the figures of docs/scale.json."""

from __future__ import annotations

from typing import Any

from collection import scaling
from collection.scaling import DAY, DIMENSION, HOUR, Job, Measured, Node
from reporting.cells import NONE
from reporting.quantities import duration, quantity, size

SIZES = (10**6, 10**8, 10**9)
POWERS = {10**6: "10^6", 10**8: "10^8", 10**9: "10^9"}
GUIDE = "the guide, device alone"


def tables(known: dict[str, Any], guide: dict[str, Any]) -> dict[str, list[list[str]]]:
    """Return the rows, heading first, of each table of the page, by the name of its place there.

    ``known`` is ``docs/scale.json``, ``guide`` the guide's figures of ``published.json``.
    """
    measured = scaling.of_figures(known["figures"])
    found = _inference(known, guide)
    jobs = [scaling.job(faces) for faces in SIZES]
    return {
        "rates": _rates(found, measured),
        "times": _times(found, jobs, measured),
        "storage": _storage(jobs, measured),
        "stages": _stages(found, measured),
        "driver": _driver(jobs, measured),
        "memory": _memory(known["driver"]),
    }


def _inference(known: dict[str, Any], guide: dict[str, Any]) -> list[dict[str, Any]]:
    measured = [one | {"node": known["machines"][one["machine"]]} for one in known["inference"]]
    return measured + [
        {
            "net": guide["net"],
            "engine": "ascend",
            "precision": "fp16",
            "batch": int(batch),
            "fps": fps,
            "node": {"short": guide["device"], "cores": None},
            "accuracy": guide["accuracy"],
            "date": GUIDE,
        }
        for batch, fps in guide["fps"].items()
    ]


def _node(one: dict[str, Any]) -> Node:
    return Node(one["fps"], one["node"]["cores"])


def _name(one: dict[str, Any]) -> list[str]:
    return [one["net"], one["engine"], one["precision"], str(one["batch"]), one["node"]["short"]]


_NAME = ["network", "engine", "precision", "batch", "node"]


def _rates(found: list[dict[str, Any]], measured: Measured) -> list[list[str]]:
    rows = [[*_NAME, "img/s", "faces/s", "accuracy", "measured"]]
    for one in found:
        accuracy = one.get("accuracy")
        rows.append(
            [
                *_name(one),
                quantity(one["fps"]),
                quantity(scaling.faces_a_second(_node(one), measured)),
                f"{accuracy:.4f}" if accuracy else NONE,
                one["date"],
            ]
        )
    return rows


def _times(found: list[dict[str, Any]], jobs: list[Job], measured: Measured) -> list[list[str]]:
    columns = ("node hours", "nodes, 1 day", "nodes, 1 hour")
    rows = [[*_NAME, *(f"{POWERS[work.faces]}: {name}" for work in jobs for name in columns)]]
    for one in found:
        cells = _name(one)
        for work in jobs:
            cells += of_work(work, _node(one), measured)
        rows.append(cells)
    return rows


def of_work(work: Job, node: Node, measured: Measured) -> list[str]:
    """Return node hours, and the nodes for a day and for an hour, as shown."""
    hours = work.faces / scaling.faces_a_second(node, measured) / HOUR
    needed = (scaling.nodes(work, node, measured, limit) for limit in (DAY, HOUR))
    return [quantity(hours), *(NONE if n is None else f"{n:,}" for n in needed)]


def _storage(jobs: list[Job], measured: Measured) -> list[list[str]]:
    rows = [
        ["faces", "shards", "float32", "float16", "listing", "done records", "files", "pictures"]
    ]
    for work in jobs:
        wide, half = (
            scaling.stored_bytes(work, measured, d, DIMENSION) for d in ("float32", "float16")
        )
        parts = (wide["embeddings"], half["embeddings"], wide["listing"], wide["records"])
        shards = f"{work.shards:,} x {work.inputs:,}"
        # A listing, embeddings and a record of each shard; the manifest and the unreadable inputs.
        files = f"{3 * work.shards + 2:,}"
        pictures = size(work.faces * measured.picture)
        rows.append([POWERS[work.faces], shards, *map(size, parts), files, pictures])
    return rows


def _stages(found: list[dict[str, Any]], measured: Measured) -> list[list[str]]:
    fastest = max(found, key=lambda one: scaling.faces_a_second(_node(one), measured))
    top = scaling.faces_a_second(_node(fastest), measured)
    stages = []
    for net, engine in dict.fromkeys((one["net"], one["engine"]) for one in found):
        of = [o for o in found if (o["net"], o["engine"]) == (net, engine)]
        best = max(of, key=lambda one: one["fps"])
        name = f"inference, {net} {engine} {best['precision']}"
        stages.append((name, "node", best["fps"] / scaling.VIEWS))
    stages.append(("decoding JPEG", "core", measured.decoded))
    stages.append(("writing embeddings", "disk", measured.written))
    stages.append(("reading pictures, 1 Gbit/s", "link", scaling.GIGABIT / measured.picture))
    stages.append(("looking through a folder tree", "driver", measured.walked))
    stages.append(("listing a folder tree", "driver", measured.listed))
    stages += [
        (
            f"verifying {dtype} at a restart",
            "driver",
            measured.verified / scaling.row_bytes(measured, dtype, DIMENSION),
        )
        for dtype in scaling.WIDTHS
    ]
    heading = ["stage", "one of", "faces/s", "of the fastest node's rate"]
    return [heading] + [
        [name, unit, quantity(rate), quantity(rate / top)]
        for name, unit, rate in sorted(stages, key=lambda stage: stage[2])
    ]


def _driver(jobs: list[Job], measured: Measured) -> list[list[str]]:
    restarts = [f"restart, {dtype}" for dtype in scaling.WIDTHS]
    rows = [["faces", "before the first shard", "after the last", *restarts]]
    for work in jobs:
        seconds = [work.faces / measured.listed, work.shards / measured.finished]
        seconds += [scaling.restart_seconds(work, measured, d, DIMENSION) for d in scaling.WIDTHS]
        rows.append([POWERS[work.faces], *map(duration, seconds)])
    return rows


def _memory(runs: list[dict[str, Any]]) -> list[list[str]]:
    heading = ["inputs", "shards", "at the start, MB", "listing, MB", "looking, MB"]
    heading += ["greatest, MB", "listed a second", "ms a shard, looking", "ms a shard, finishing"]
    rows = [heading]
    for run in runs:
        seconds, shards = run["processor_seconds"], run["shards"]
        megabytes = [run[f"mb_{name}"] for name in ("before", "listing", "looking", "peak")]
        rows.append(
            [
                f"{run['inputs']:,}",
                f"{shards:,}",
                *(NONE if value is None else f"{value:.0f}" for value in megabytes),
                quantity(run["inputs"] / seconds["listing"]) if "listing" in seconds else NONE,
                *(
                    quantity(1000 * seconds[name] / shards)
                    for name in ("looking, all done", "finishing")
                ),
            ]
        )
    return rows
