"""The backends of a benchmark: what people would run instead, and this project's engine.

Each is a function that loads a model and returns how to run a batch and what is really in use.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import engines
from common.machine import versions


class Backend(NamedTuple):
    """One way to run the network: ``kind`` names a function of this module.

    ``model`` is an ONNX file of one batch size, or a checkpoint for PyTorch, or a derived model
    without a batch size of its own. ``ours`` tells the project from its peers.
    """

    name: str
    kind: str
    model: Path
    batch_size: int
    threads: int
    precision: str = ""
    net: str = ""
    engine: str = ""
    ours: bool = False


class Loaded(NamedTuple):
    """``run`` maps float32 (B, 3, 112, 112) to (B, D); ``used`` has precision and versions."""

    run: Callable[[np.ndarray], np.ndarray]
    used: dict[str, Any]


def load(backend: Backend) -> Loaded:
    """Load ``backend``'s model with its number of threads and no other setting of ours."""
    return _KINDS[backend.kind](backend)


def _pytorch(backend: Backend) -> Loaded:
    import torch

    import networks
    from checkpoint.state_dict import load_into

    torch.set_num_threads(backend.threads)
    with torch.device("meta"):
        network = networks.build(backend.net)
    load_into(network, backend.model, backend.net)

    @torch.inference_mode()
    def run(batch: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(batch)).numpy()

    return Loaded(run, {"precision": "fp32", "versions": versions("torch")})


def _onnxruntime(backend: Backend) -> Loaded:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = backend.threads
    session = onnxruntime.InferenceSession(
        str(backend.model), settings, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    used = {"precision": "fp32", "versions": versions("onnxruntime")}
    return Loaded(lambda batch: session.run(None, {name: batch})[0], used)


def _openvino(backend: Backend) -> Loaded:
    import openvino

    config: dict[str, Any] = {"INFERENCE_NUM_THREADS": backend.threads}
    if backend.precision == "fp32":
        config["INFERENCE_PRECISION_HINT"] = openvino.Type.f32
    model = openvino.Core().compile_model(str(backend.model), "CPU", config)
    # The default depends on the processor: bf16 where it has it.
    precision = {"f32": "fp32"}.get(
        name := model.get_property("INFERENCE_PRECISION_HINT").get_type_name(), name
    )
    used = {"precision": precision, "versions": versions("openvino")}
    return Loaded(lambda batch: model([batch])[0], used)


def _engine(backend: Backend) -> Loaded:
    options = engines.Options(
        precision=backend.precision, threads=backend.threads, batch_size=backend.batch_size
    )
    engine = engines.load(backend.engine, backend.model, options)
    return Loaded(engine.run, engine.describe())


_KINDS = {
    "pytorch": _pytorch,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "engine": _engine,
}
