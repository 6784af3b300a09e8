"""Collections of embeddings made of seeded vectors, by the functions that lay one out."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from collection import layout
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
    dimension = vectors.shape[1]
    settings = CONFIGURATION | {"dimension": dimension} | configuration
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
        values = pa.array(vectors[rows].astype(dtype).ravel())
        columns = [
            pa.array([keys[row] for row in rows], pa.string()),
            pa.array([labels[row] for row in rows], pa.string()),
            pa.FixedSizeListArray.from_arrays(values, dimension),
            pa.array(np.ones(len(rows), np.float32)),
            pa.array(np.full(len(rows), number, np.int32)),
            pa.array(rows.astype(np.int32)),
        ]
        schema = layout.embeddings_schema(dimension, dtype)
        content = layout.to_parquet(pa.table(columns, schema=schema))
        storage.write(layout.embeddings_name(number), content)
        record = {
            "shard": number,
            "identity": manifest["identity"],
            "rows": len(rows),
            "bytes": len(content),
            "sha256": layout.digest(content),
        }
        layout.write_json(storage, layout.done_name(number), record)
    layout.write_json(storage, layout.MANIFEST, manifest)
    return folder
