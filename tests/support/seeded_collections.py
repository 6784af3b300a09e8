"""Collections of embeddings made of seeded vectors, by the functions that lay one out."""

from pathlib import Path

import numpy as np

from collection import layout, shard
from collection.storage import Storage

CONFIGURATION = {
    "net": "mobilefacenet",
    "checkpoint": "model_m",
    "engine": "openvino",
    "precision": "fp32",
    "preprocessing": {"colour": "bgr", "mean": 127.5, "scale": 127.5},
    "model_sha256": "1" * 64,
    "weights_sha256": "2" * 64,
}


def faces(
    seed: int, persons: int, pictures: int, spread: float = 1.0, dimension: int = 32
) -> tuple[np.ndarray, list[str]]:
    """Return vectors of unit length, float32 (n, dimension), and labels of at most ``persons``.

    Each has 1 to ``pictures`` pictures, in random order, ``spread`` times as far from the
    person's mean as persons are from each other.
    """
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(persons), random.integers(1, pictures + 1, persons))
    random.shuffle(person)
    means = random.normal(size=(persons, dimension))
    vectors = means[person] + spread * random.normal(size=(len(person), dimension))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), [f"person{n:04d}" for n in person]


def write(
    folder: Path,
    vectors: np.ndarray,
    labels: list[str | None],
    shards: int = 3,
    dtype: str = "float32",
    source: str | None = None,
    keys: list[str] | None = None,
    **configuration: object,
) -> Path:
    """Write a complete collection of ``vectors`` into ``folder`` and return it."""
    storage = Storage(str(folder))
    keys = keys or [f"{label}/{n:05d}.jpg" for n, label in enumerate(labels)]
    settings = CONFIGURATION | {"dimension": vectors.shape[1]} | configuration
    manifest = {
        "format": layout.FORMAT,
        "source": source or str(folder),
        "kind": "folder",
        "shards": shards,
        "inputs": len(keys),
        "complete": True,
        "rows": len(keys),
        "unreadable": 0,
        "dtype": dtype,
        "identity": layout.identity(settings | {"keys": keys}),
        "configuration": settings,
    }
    for number, rows in enumerate(np.array_split(np.arange(len(keys)), shards)):
        norms = np.ones(len(rows), np.float32)
        names = [keys[row] for row in rows], [labels[row] for row in rows]
        values = vectors[rows].astype(dtype)
        shard.write(
            storage, number, manifest["identity"], shard.Rows(*names, rows, values, norms), []
        )
    layout.write_json(storage, layout.MANIFEST, manifest)
    return folder
