"""Result folders for tests of what reads them: made from seeded embeddings, not from a network."""

import json
from pathlib import Path

import numpy as np

from dataset import crop_store
from support.project import run_module

PAIRS = 40


def make_set(root: Path, pairs: int = PAIRS) -> None:
    """Write data/faces_crops, a decoded set of seeded noise, and its labels below ``root``."""
    random = np.random.default_rng(5)
    (root / "data").mkdir(parents=True, exist_ok=True)
    crops = random.integers(0, 256, (2 * pairs, 3, 112, 112), dtype=np.uint8)
    crop_store.write(root / "data/faces_crops", 2 * pairs, [crops])
    crop_store.set_attributes(root / "data/faces_crops", {"source_sha256": "d" * 64})
    np.save(root / "data/faces_list.npy", np.arange(pairs) % 2 == 0)


def make_result(
    root: Path, *, engine: str = "openvino", precision: str = "fp32", batch_size: int = 4,
    noise: float = 0.0, weights: str = "e" * 64, perf: bool = True,
) -> Path:  # fmt: skip
    """Score embeddings of the set of ``make_set`` and write perf.json; returns the folder.

    Embeddings of a pair are close where it is the same person; ``noise`` is added to all.
    """
    folder = root / f"result/mobilefacenet_faces_{engine}_{precision}_bs{batch_size}"
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
        "net": "mobilefacenet", "checkpoint": "mobilefacenet", "dataset": "faces",
        "batch_size": batch_size, "engine": engine, "precision": precision, "provider": "CPU",
        "device": "A <b>CPU</b> & more", "threads": 2, "versions": {}, "model_sha256": "a" * 64,
        "weights_sha256": weights, "data_sha256": "d" * 64, "flip": True,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    scored = run_module(
        "score", "--embeddings", folder / "embeddings.npy", "--run", folder / "run.json",
        "--labels", root / "data/faces_list.npy", "--out", folder / "accuracy.json",
    )  # fmt: skip
    assert scored.returncode == 0, scored.stderr
    if perf:
        ms = 5.0 * batch_size**0.9
        latency = {"min": ms, "mean": ms, "median": ms, "p90": ms, "p99": 1.5 * ms, "max": 2 * ms}
        record |= {"throughput_fps": 1000 * batch_size / ms, "latency_ms": latency}
        (folder / "perf.json").write_text(json.dumps(record | {"loop": 10, "warmup": 1}))
    return folder


def result(folder: Path, name: str = "accuracy") -> dict:
    """Return the JSON ``name`` of the result ``folder``."""
    return json.loads((folder / f"{name}.json").read_text())


def change(path: Path, **fields: object) -> None:
    """Set ``fields`` of the JSON object in ``path``; None removes one."""
    value = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({k: v for k, v in value.items() if v is not None}))
