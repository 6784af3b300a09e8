"""Sources of each kind made of the same encoded pictures, and what make embed leaves of them."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from collection.settings import Settings
from collection.worker import Counts, Worker
from dataset import verification_bin
from support.project import PYTHON, run_module


def pictures(folder: Path, count: int) -> list[bytes]:
    """Return the first ``count`` encoded pictures of the tiny set in ``folder``."""
    images = verification_bin.read(folder / "faces.bin").images
    return [bytes(images[k % len(images)]) for k in range(count)]


def tree(folder: Path, images: list[bytes]) -> Path:
    """Write ``images`` as ``folder``/person_k/n.jpg, four a person."""
    for k, image in enumerate(images):
        path = folder / f"person_{k // 4:02d}" / f"{k:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image)
    return folder


def tar(path: Path, members: dict[str, bytes]) -> Path:
    """Write ``members`` by name, in their order, as the tar file ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return path


def parquet(path: Path, rows: int = 3, **columns: pa.Array) -> Path:
    """Write ``columns`` as the Parquet file ``path``, ``rows`` in a group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=rows)
    return path


def arguments(model: Path, source: Path, out: Path, *options: object) -> list[str]:
    """Return the door's command line for a model of batch size 16, or as ``options`` say."""
    given = {"--engine": "openvino", "--precision": "fp32", "--batch-size": 16}
    given |= {"--dtype": "float32", "--shard-inputs": 10}
    given |= {"--model": model, "--source": source, "--out": out}
    words = list(map(str, options))
    given |= dict(zip(words[::2], words[1::2], strict=True))
    return [str(word) for pair in given.items() for word in pair]


def embed(
    model: Path, source: Path, out: Path, *options: object, flags: tuple[str, ...] = ()
) -> subprocess.CompletedProcess:
    """Run the door of make embed; the caller checks the status."""
    return run_module("embed_collection", *arguments(model, source, out, *options), *flags)


def embed_shard(settings: Settings, shard: int) -> Counts:
    """Embed ``shard``, as a process that was given nothing but ``settings`` does."""
    return Worker(settings).embed(shard)


def begin(model: Path, source: Path, out: Path, *options: object) -> subprocess.Popen:
    """Start the door of make embed."""
    command = [sys.executable, str(PYTHON / "embed_collection.py")]
    return subprocess.Popen(
        [*command, *arguments(model, source, out, *options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def manifest(out: Path) -> dict[str, Any]:
    """Return the manifest of the collection ``out``."""
    return json.loads((out / "manifest.json").read_text())


def rows(out: Path) -> list[dict[str, Any]]:
    """Return all rows of the collection ``out``, shard by shard."""
    files = sorted((out / "embeddings").glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def embeddings(out: Path) -> np.ndarray:
    """Return the embeddings of the collection ``out``, (rows, D)."""
    kind = {"float32": np.float32, "float16": np.float16}[manifest(out)["dtype"]]
    return np.array([row["embedding"] for row in rows(out)], kind)


def unreadable(out: Path) -> list[dict[str, Any]]:
    """Return the table of unreadable inputs of the collection ``out``."""
    return pq.read_table(out / "unreadable.parquet").to_pylist()


def card(out: Path) -> str:
    """Return what make embed says at its end of the collection ``out``."""
    shown = run_module("show_collection", "--collection", out)
    assert (shown.returncode, shown.stderr) == (0, "")
    return shown.stdout
