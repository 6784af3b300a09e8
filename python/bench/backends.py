"""The contenders of a benchmark: what people would run instead, and this project's engine.

Each is a function that loads a model and returns how to run a batch and what is really in use.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import engines
from machine import versions


class Contender(NamedTuple):
    """One way to run the network: ``kind`` names a function of this module.

    ``model`` is an ONNX file of one batch size, or a checkpoint for PyTorch, or a quantised
    model without a batch size of its own. ``ours`` tells the project from its peers.
    """

    name: str
    kind: str
    model: Path
    batch_size: int
    threads: int
    precision: str = ""
    net: str = ""
    ours: bool = False


class Loaded(NamedTuple):
    """``run`` maps float32 (B, 3, 112, 112) to (B, 512); ``used`` has precision and versions."""

    run: Callable[[np.ndarray], np.ndarray]
    used: dict[str, Any]


def load(contender: Contender) -> Loaded:
    """Load ``contender``'s model with its number of threads and no other setting of ours."""
    return _KINDS[contender.kind](contender)


def _pytorch(contender: Contender) -> Loaded:
    import torch

    import networks
    from checkpoint import load_into

    torch.set_num_threads(contender.threads)
    with torch.device("meta"):
        network = networks.build(contender.net)
    load_into(network, contender.model, contender.net)

    @torch.inference_mode()
    def run(batch: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(batch)).numpy()

    return Loaded(run, {"precision": "fp32", "versions": versions("torch")})


def _onnxruntime(contender: Contender) -> Loaded:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = contender.threads
    session = onnxruntime.InferenceSession(
        str(contender.model), settings, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    used = {"precision": "fp32", "versions": versions("onnxruntime")}
    return Loaded(lambda batch: session.run(None, {name: batch})[0], used)


def _openvino(contender: Contender) -> Loaded:
    import openvino

    config: dict[str, Any] = {"INFERENCE_NUM_THREADS": contender.threads}
    if contender.precision == "fp32":
        config["INFERENCE_PRECISION_HINT"] = openvino.Type.f32
    model = openvino.Core().compile_model(str(contender.model), "CPU", config)
    # The default depends on the processor: bf16 where it has it.
    precision = {"f32": "fp32"}.get(
        name := model.get_property("INFERENCE_PRECISION_HINT").get_type_name(), name
    )
    used = {"precision": precision, "versions": versions("openvino")}
    return Loaded(lambda batch: model([batch])[0], used)


def _engine(contender: Contender) -> Loaded:
    options = engines.Options(
        precision=contender.precision, threads=contender.threads, batch_size=contender.batch_size
    )
    engine = engines.load("openvino", contender.model, options)
    return Loaded(engine.run, engine.describe())


_KINDS = {
    "pytorch": _pytorch,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "engine": _engine,
}
