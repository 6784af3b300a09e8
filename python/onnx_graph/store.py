"""ONNX files that share their weights.

A graph (a few hundred KiB) keeps its large tensors in a file beside it, named by a hash of
its content. Six batch sizes, plain and simplified, so share one copy, a graph always sees the
very bytes it was made with, and the graph's own checksum covers the weights too.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, numpy_helper

from common.checksum import sha256
from common.files import remove, replacing
from seals.products import product
from seals.seal import Rotten, remedy

# Tensors below this many bytes stay in the graph, where shape inference can see them.
EXTERNAL_FROM = 1024
# ONNX recommends page-aligned offsets, so that runtimes can map the file.
ALIGNMENT = 4096


def publish(model: ModelProto, path: Path, weights: str, check: Callable[[Path], None]) -> None:
    """Write ``model`` to ``path``, its large tensors to ``<weights>_<hash>.data`` beside it.

    ``check`` is called with the finished graph under a temporary name; what it raises leaves
    ``path`` as it was. Weight files that no graph refers to any more are then removed.
    ``model`` is changed: its large tensors become references.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        parts: list[Path] = []
        with product(path, parts) as graph:
            with _locked(path.parent):
                parts += _move_out(model, path.parent, weights)
                graph.write_bytes(model.SerializeToString(deterministic=True))
            check(graph)
    finally:
        with _locked(path.parent):
            _remove_unused(path.parent, weights)


def load_graph(path: Path) -> ModelProto:
    """Return the model at ``path`` without reading its large tensors."""
    return onnx.load(str(path), load_external_data=False)


def set_metadata(model: ModelProto, entries: dict[str, str]) -> None:
    """Make ``entries`` the only metadata of ``model``."""
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, entries)


def metadata(model: ModelProto) -> dict[str, str]:
    """Return the metadata of ``model``: ``net``, ``weights_sha256`` and what made it."""
    return {entry.key: entry.value for entry in model.metadata_props}


def origin(metadata: dict[str, str]) -> str:
    """Return what a file with this ``metadata`` is held against, for messages."""
    return "PyTorch" if "torch" in metadata else "the file that was given"


def exported_with(metadata: dict[str, str]) -> dict[str, str | int]:
    """Return what made the file of this ``metadata``: PyTorch's version or another producer, the
    opset, and the class that was exported where it was one of ours.
    """
    made = {key: metadata[key] for key in ("torch", "producer", "backbone") if key in metadata}
    return made | {"opset": int(metadata["opset"])}


def dimension(model: ModelProto) -> int:
    """Return the numbers in an embedding of ``model``: the last dimension of its output."""
    return model.graph.output[0].type.tensor_type.shape.dim[-1].dim_value


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    # Between writing a weight file and the graph that refers to it, nobody may clean up.
    # The folder is what is locked: unlike a file in it, nobody removes it under another.
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _move_out(model: ModelProto, folder: Path, weights: str) -> list[Path]:
    """Write the large tensors of ``model`` to their file, unless it is there; return its path."""
    large = []
    for tensor in sorted(model.graph.initializer, key=lambda t: t.name):
        if tensor.data_location == TensorProto.EXTERNAL:
            raise ValueError(f"{tensor.name} is external already; load the model with its tensors")
        data = np.ascontiguousarray(numpy_helper.to_array(tensor))
        if data.nbytes >= EXTERNAL_FROM:
            large.append((tensor, data.tobytes()))
    if not large:
        return []
    digest = hashlib.sha256()
    for _, data in large:
        digest.update(data)
        digest.update(bytes(-len(data) % ALIGNMENT))
    name = f"{weights}_{digest.hexdigest()[:16]}.data"
    if (folder / name).exists():
        refuse_rotten_weights(folder / name)
    else:
        with replacing(folder / name) as temporary, temporary.open("wb") as file:
            for _, data in large:
                file.write(data)
                file.write(bytes(-len(data) % ALIGNMENT))
            file.flush()
            os.fsync(file.fileno())
    offset = 0
    for tensor, data in large:
        kept = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        kept.data_location = TensorProto.EXTERNAL
        for key, value in (("location", name), ("offset", offset), ("length", len(data))):
            kept.external_data.add(key=key, value=str(value))
        tensor.CopyFrom(kept)
        offset += len(data) + -len(data) % ALIGNMENT
    return [folder / name]


def refuse_rotten_weights(path: Path) -> None:
    """Raise ``ChainError`` where the weight file ``path`` is not what its name says."""
    if not path.stem.endswith(f"_{sha256(path)[:16]}"):
        raise Rotten(f"{path} is not as it was written; {remedy(path)}.")


def weight_files(model: ModelProto, folder: Path) -> list[Path]:
    """Return the files in ``folder`` that hold tensors of ``model``."""
    names = {
        entry.value
        for tensor in model.graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return [folder / name for name in sorted(names)]


def _remove_unused(folder: Path, weights: str) -> None:
    # Temporary graphs are hidden files and count: another process may be checking one.
    graphs = [p.read_bytes() for p in folder.iterdir() if p.suffix == ".onnx"]
    for data in folder.glob(f"{weights}_{'[0-9a-f]' * 16}.data"):
        if not any(data.name.encode() in graph for graph in graphs):
            remove(data)
