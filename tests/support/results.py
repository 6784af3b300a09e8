"""Result folders for tests of what reads them: made from seeded embeddings, not from a network."""

import json
import sys
from pathlib import Path
from unittest import mock

import numpy as np

import report as report_door
import score
from dataset import crop_store
from inference.disturbance import judge
from inference.timing import latency
from support.sealing import forget, seal

PAIRS = 40


def make_set(root: Path, pairs: int = PAIRS) -> None:
    """Write data/faces_crops, a decoded set of seeded noise, and its labels below ``root``."""
    random = np.random.default_rng(5)
    (root / "data").mkdir(parents=True, exist_ok=True)
    crops = random.integers(0, 256, (2 * pairs, 3, 112, 112), dtype=np.uint8)
    crop_store.write(root / "data/faces_crops", 2 * pairs, [crops])
    crop_store.set_attributes(root / "data/faces_crops", {"source_sha256": "d" * 64})
    np.save(root / "data/faces_list.npy", np.arange(pairs) % 2 == 0)
    seal(root / "data/faces_crops", root / "data/faces_list.npy")


def make_result(
    root: Path, *, engine: str = "openvino", precision: str = "fp32", batch_size: int = 4,
    noise: float = 0.0, weights: str = "e" * 64, perf: bool = True, others: float = 0.0,
    checkpoint: str = "mobilefacenet", faster: float = 1.0,
) -> Path:  # fmt: skip
    """Score embeddings of the set of ``make_set`` and write perf.json; returns the folder.

    Embeddings of a pair are close where it is the same person; ``noise`` is added to all.
    ``others`` CPUs were kept busy during the performance run, ``faster`` than the usual one.
    """
    folder = root / f"result/{checkpoint}_faces_{engine}_{precision}_bs{batch_size}"
    folder.mkdir(parents=True)
    issame = np.load(root / "data/faces_list.npy")
    random = np.random.default_rng(7)
    first = random.standard_normal((len(issame), 512))
    second = random.standard_normal((len(issame), 512))
    share = np.where(issame, 0.55, 0.15) + random.normal(0, 0.2, len(issame))
    second = share[:, None] * first + (1 - share[:, None]) * second
    embeddings = np.stack([first, second], axis=1).reshape(-1, 512)
    embeddings += noise * np.random.default_rng(9).standard_normal(embeddings.shape)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    np.save(folder / "embeddings.npy", embeddings.astype(np.float32))
    record = {
        "net": "mobilefacenet", "checkpoint": checkpoint, "dataset": "faces",
        "batch_size": batch_size, "engine": engine, "precision": precision, "provider": "CPU",
        "device": "A <b>CPU</b> & more", "threads": 2, "versions": {"openvino": "2026.4.1"},
        "model_sha256": "a" * 64, "weights_sha256": weights, "data_sha256": "d" * 64, "flip": True,
        "cpu": "A <b>CPU</b> & more", "usable_cpus": 2, "date": "2026-11-25T14:00:00+00:00",
    }  # fmt: skip
    if precision == "int8":
        calibration = {"set": "faces", "images": 50, "of_the_evaluation_set": True}
        held = {"set": "faces", "images": 30, "mean_cosine": 0.9961, "min_cosine": 0.9912}
        record["quantized"] = {"calibration": calibration, "held_out": held, "kept": []}
    (folder / "run.json").write_text(json.dumps(record))
    seal(folder / "embeddings.npy", folder / "run.json")
    arguments = [
        "score.py", "--embeddings", folder / "embeddings.npy", "--run", folder / "run.json",
        "--labels", root / "data/faces_list.npy", "--out", folder / "accuracy.json",
    ]  # fmt: skip
    with mock.patch.object(sys, "argv", [*map(str, arguments)]):
        score.main()
    forget()
    if perf:
        record |= performance(batch_size, faster, others)
        (folder / "perf.json").write_text(json.dumps(record))
        seal(folder / "perf.json")
    return folder


def performance(batch_size: int, faster: float, others: float) -> dict:
    """Return what a performance run beside ``others`` busy CPUs adds to the record."""
    seconds = 0.005 * batch_size**0.9 / faster * np.linspace(0.99, 1.01, 200)
    blocks = [batch_size / block.mean() for block in np.split(seconds, 5)]
    found = {
        "cpu_share": 0.99, "other_cpus": others, "stolen_cpus": 0.0, "usable_cpus": 2,
        "load_average": 2.1, "clock_mhz": None,
    }  # fmt: skip
    judged = judge(blocks, 10.4, 2, found) | {"streams": 2, "threads": 2, "batches": 200}
    judged["attempts"] = 2 if others else 1
    return {
        "throughput_fps": judged["fps"],
        "throughput": {key: value for key, value in judged.items() if key != "fps"},
        "latency_ms": latency(seconds), "loop": 200, "warmup": 1, "schedules": [judged],
        "of_peak": 0.7, "peak": {"gflops": 537.0, "kernel": "vfmadd231ps zmm"}, "peak_note": None,
    }  # fmt: skip


def report_arguments(root: Path) -> list[str | Path]:
    """Return the command line of a report of what lies below ``root``."""
    return [
        "--results", root / "result", "--data", root / "data", "--model", root / "model",
        "--html", root / "result/report.html", "--markdown", root / "result/report.md",
    ]  # fmt: skip


def report(root: Path) -> None:
    """Write result/report.html and result/report.md below ``root``."""
    with mock.patch.object(sys, "argv", ["report.py", *map(str, report_arguments(root))]):
        report_door.main()
    forget()


def result(folder: Path, name: str = "accuracy") -> dict:
    """Return the JSON ``name`` of the result ``folder``."""
    return json.loads((folder / f"{name}.json").read_text())


def change(path: Path, **fields: object) -> None:
    """Set ``fields`` of the JSON object in ``path``; None removes one."""
    value = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({k: v for k, v in value.items() if v is not None}))
    seal(path)
