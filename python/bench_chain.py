"""Times of the chain's steps, and a whole accuracy job beside the guide's way -> table, JSON."""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from common import machine
from common.arrays import read_npy
from common.errors import ChainError, exit_with
from common.shapes import VIEWS
from common.table import aligned
from evaluation.published import figures
from inference.disturbance import STEADY
from seals.products import write_json

# What scripts/step.sh prints for a step that is done.
_STEP = re.compile(r"^  (\S+) +(\S+) +(\d+\.\d) s$")
# Where verdicts on figures are kept, the one of the guide's way.
GUIDE = "guide"
# Steps that an accuracy takes once the model is there.
JOB = ("preprocess", "embed", "score")


def read_steps(text: str) -> list[dict[str, Any]]:
    """Return ``step``, ``target`` and ``seconds`` of each step in what make printed.

    Raises ``ChainError`` where a step of every accuracy is missing.
    """
    found = [m.groups() for line in text.splitlines() if (m := _STEP.match(line))]
    steps = [{"step": s, "target": t, "seconds": float(seconds)} for s, t, seconds in found]
    if missing := {"preprocess", "export", "embed", "score"} - {s["step"] for s in steps}:
        raise ChainError(f"the chain printed no time for {', '.join(sorted(missing))}.")
    return steps


def stage_rows(steps: list[dict[str, Any]], run: dict[str, Any]) -> list[dict[str, Any]]:
    """Return ``stage`` and ``seconds``: steps summed up, the export of one batch size and of all.

    The first export makes the graph of all batch sizes, each file of one is then a rewrite. The
    step that runs the set is also shown in its parts, as its record ``run`` has them.
    """
    batch_size = run["batch_size"]

    def total(*names: str, only: str = "") -> float:
        chosen = [s for s in steps if s["step"] in names and only in s["target"]]
        return round(sum(s["seconds"] for s in chosen), 1)

    sizes = sum(s["step"] == "fix-batch" for s in steps)
    one = total("export") + total("fix-batch", only=f"_bs{batch_size}.onnx")
    rows = [
        {"stage": "preprocess", "seconds": total("preprocess")},
        {"stage": "export, one batch size", "seconds": round(one, 1)},
        {"stage": f"export, {sizes} batch sizes", "seconds": total("export", "fix-batch")},
    ]
    shown = {"preprocess", "export", "fix-batch", "benchmark"}
    for step in steps:
        if step["step"] not in shown:
            shown.add(step["step"])
            rows.append({"stage": step["step"], "seconds": step["seconds"]})
        if step["step"] == "embed":
            rows.append({"stage": "- load, compile", "seconds": run["load_s"]})
            rows.append({"stage": "- run", "seconds": run["wall_s"]})
            rows.append({"stage": "-- of it inference", "seconds": run["inference_s"]})
    return rows


def jobs(
    rows: list[dict[str, Any]], run: dict, rates: dict[str, float], guide: float, counts: dict
) -> list[dict[str, Any]]:
    """Return how long one accuracy takes, the guide's way and at each precision of ``rates``.

    The guide's way counts its inferences alone: every entry of the set, both views, at
    ``guide`` images a second. Ours counts every step from the .bin on, computed from the rate
    but for the precision that really ran.
    """
    slow = VIEWS * counts["images"] / guide
    found = [{"job": "the guide's way", "seconds": slow, "how": "computed", "faster": 1.0}]
    seconds = {row["stage"]: row["seconds"] for row in rows}
    for precision, rate in rates.items():
        measured = precision == run["precision"] and run["engine"] == "openvino"
        inference = run["load_s"] + VIEWS * counts["different"] / rate
        embed = seconds["embed"] if measured else inference
        taken = seconds["preprocess"] + embed + seconds["score"]
        how = "measured" if measured else "computed"
        found.append(
            {
                "job": f"this project, {precision}",
                "seconds": taken,
                "how": how,
                "faster": slow / taken,
            }
        )
    return found


def text(result: dict[str, Any]) -> str:
    """Return the content of a bench_chain.json as two Markdown tables."""
    guide = figures()["guide"]
    # No other figure of the guide's own scripts is known.
    known = {"preprocess": guide["preprocess_s"]} if result["dataset"] == guide["dataset"] else {}
    stages = [["stage", "seconds", "the guide's way"]]
    for row in result["stages"]:
        slow = f"{known[row['stage']]} s" if row["stage"] in known else "-"
        stages.append([row["stage"], f"{row['seconds']:.1f}", slow])
    times = [["accuracy job", "seconds", "", "times as fast"]]
    times += [
        [j["job"], f"{j['seconds']:.1f}", j["how"], f"{j['faster']:.1f}"] for j in result["jobs"]
    ]
    marks = {p: "" if v == STEADY else f" ({v})" for p, v in result["verdicts"].items()}
    rates = ", ".join(f"{p} {fps:.1f}{marks[p]}" for p, fps in result["fps"].items())
    return "\n".join(
        [
            f"{result['net']}, {result['dataset']} ({result['images']} images, "
            f"{result['different']} different), batch {result['batch_size']}, "
            f"{result['machine']['cpu']}, {result['threads']} threads.",
            f"img/s: ONNX Runtime {result['guide_fps']:.1f}{marks[GUIDE]}; this project {rates}.",
            "",
            aligned(stages),
            "",
            aligned(times),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=Path, required=True, help="what make printed")
    parser.add_argument("--project", type=Path, required=True, help="where make ran")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    args = parser.parse_args()

    steps = read_steps(args.steps.read_text(encoding="utf-8"))
    (run_file,) = args.project.glob("result/*/run.json")
    run = json.loads(run_file.read_text(encoding="utf-8"))
    unique_index = read_npy(args.project / "data" / f"{run['dataset']}_unique.npy")
    counts = {"images": len(unique_index), "different": len(np.unique(unique_index))}
    perfs = [json.loads(p.read_text("utf-8")) for p in args.project.glob("result/*/perf.json")]
    peer = next(p for p in perfs if p["engine"] == "onnxruntime")
    guide = peer["throughput_fps"]
    ours = [p for p in perfs if p["engine"] == "openvino"]
    rates = {p["precision"]: p["throughput_fps"] for p in ours}
    rows = stage_rows(steps, run)
    result = {key: run[key] for key in ("net", "dataset", "batch_size", "engine", "precision")}
    result |= {key: run[key] for key in ("threads", "load_s", "wall_s", "inference_s")} | counts
    result |= {"guide_fps": guide, "fps": rates, "stages": rows, "steps": steps}
    verdicts = {p["precision"]: p["throughput"]["verdict"] for p in ours}
    result["verdicts"] = verdicts | {GUIDE: peer["throughput"]["verdict"]}
    result["jobs"] = jobs(rows, run, rates, guide, counts)
    result["machine"] = machine.describe("numpy", "torch", "onnxruntime", "openvino")
    write_json(args.out, result)
    print(text(result))


if __name__ == "__main__":
    exit_with(main)
