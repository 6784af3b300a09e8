"""OpenVINO on the CPU, in float32, bfloat16 or on a quantized model."""

import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino

import engines
from common.errors import ChainError, reason
from common.machine import versions
from engines import compiled_cache

# What the processor must have, as OpenVINO names it, for a precision to be more than emulated.
_NEEDS = {"bf16": "BF16", "int8": "INT8"}
# Values of ONEDNN_MAX_CPU_ISA (oneDNN's documentation, "CPU Dispatcher Control").
_WITHOUT_BF16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"}
# How the runtime names the element types of the layers it really executes.
_EXECUTED = {"fp32": {"f32"}, "bf16": {"bf16"}, "int8": {"i8", "u8"}}


@cache
def runtime() -> openvino.Core:
    """Return the one runtime of this process.

    Each brings a stack for signal handlers (SigAltStackSetup in OpenVINO's CPU plugin). Where two
    end in the order in which they began, handlers are left on one that is gone, and Ctrl-C crashes.
    """
    return openvino.Core()


def float_type(core: openvino.Core, precision: str) -> openvino.Type:
    """Return what the CPU computes in where the model itself does not say.

    What int8 leaves in float is sums, gates and means: bf16 where the processor has it, for half
    of their memory traffic (docs/benchmarks.md). In fp32 OpenVINO itself would take bf16 there.
    """
    if precision == "int8":
        precision = "bf16" if _NEEDS["bf16"] in capabilities(core) else "fp32"
    return {"fp32": openvino.Type.f32, "bf16": openvino.Type.bf16}[precision]


def capabilities(core: openvino.Core) -> list[str]:
    """Return the kinds of arithmetic that the CPU has, as OpenVINO names them.

    Not bf16 where ONEDNN_MAX_CPU_ISA forbids its instructions: OpenVINO does not look at that,
    and oneDNN then emulates them, several times slower than fp32.
    """
    has = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    forbidden = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in _WITHOUT_BF16
    return [kind for kind in has if kind != _NEEDS["bf16"] or not forbidden]


def check(options: engines.Options, core: openvino.Core | None = None) -> None:
    """Raise ``ChainError`` where the processor has no arithmetic for the precision."""
    core = core or runtime()
    has = capabilities(core)
    need = _NEEDS.get(options.precision)
    if need and need not in has:
        name = core.get_property("CPU", "FULL_DEVICE_NAME").strip()
        raise ChainError(
            f"PRECISION={options.precision} needs {need} arithmetic, which {name} does not have "
            f"(it has {' '.join(has)}); choose PRECISION=fp32."
        )


class Engine(engines.Engine):
    """One stream over all threads, or several streams that work on a batch each."""

    def __init__(self, model: Path, options: engines.Options) -> None:
        core = runtime()
        self._precision = options.precision
        self._device = core.get_property("CPU", "FULL_DEVICE_NAME").strip()
        try:
            self._model = compile_model(core, model, options)
        except RuntimeError as error:
            # The first lines say where in OpenVINO's source it happened.
            said = reason(error, line=-1)
            raise ChainError(f"OpenVINO cannot load {model} ({said}); rebuild it.") from None
        self._layers = executed(self._model)
        if self._layers and not _EXECUTED[options.precision] & set(self._layers):
            raise ChainError(
                f"OpenVINO would run {model} in {', '.join(self._layers)} instead of "
                f"{options.precision}; choose another PRECISION=."
            )
        # One request more than there are streams waits its turn, so that none falls idle.
        streams = self._model.get_property("NUM_STREAMS")
        self.infer_requests = streams + 1 if options.streams is not None else 1
        self._free = [self._model.create_infer_request() for _ in range(self.infer_requests)]

    def run(self, batch: np.ndarray) -> np.ndarray:
        return self.finish(self.start(batch))

    def start(self, batch: np.ndarray) -> tuple[openvino.InferRequest, np.ndarray]:
        batch = np.ascontiguousarray(batch)
        request = self._free.pop()
        request.start_async([openvino.Tensor(batch, shared_memory=True)])
        # The request reads the batch's own memory, which must live until it has ended.
        return request, batch

    def finish(self, started: tuple[openvino.InferRequest, np.ndarray]) -> np.ndarray:
        request, _ = started
        request.wait()
        self._free.append(request)
        return request.get_output_tensor(0).data.copy()

    def describe(self) -> dict[str, Any]:
        return {
            "batch_size": self._model.input(0).shape[0],
            "provider": "+".join(self._model.get_property("EXECUTION_DEVICES")),
            "device": self._device,
            "precision": self._precision,
            "threads": self._model.get_property("INFERENCE_NUM_THREADS"),
            "streams": self._model.get_property("NUM_STREAMS"),
            "layers": self._layers,
            "from_cache": self._model.get_property("LOADED_FROM_CACHE"),
            "versions": versions("openvino", "numpy"),
        }


def executed(model: openvino.CompiledModel) -> dict[str, int]:
    """Return how many layers ``model`` executes in each element type, the heaviest kinds only.

    Counted are convolutions and matrix products, as the runtime's own graph names them.
    """
    kinds = Counter()
    for node in model.get_runtime_model().get_ops():
        kind, precision = (node.get_rt_info()[k].value for k in ("layerType", "runtimePrecision"))
        if kind in ("Convolution", "FullyConnected", "MatMul"):
            kinds[precision] += 1
    return dict(kinds)


def profile(
    model: Path, options: engines.Options, batch: np.ndarray, loop: int = 10
) -> list[engines.LayerTime]:
    """Return the mean time of each layer over ``loop`` runs, after two untimed ones.

    Layers that were optimised away are left out.
    """
    core = runtime()
    kinds = _convolutions(_fixed_model(core, model, options))
    compiled = compile_model(core, model, options, {"PERF_COUNT": True})
    # What a layer of the runtime was in the model.
    origins = {
        node.get_friendly_name(): node.get_rt_info()["originalLayersNames"].value.split(",")
        for node in compiled.get_runtime_model().get_ops()
        if "originalLayersNames" in node.get_rt_info()
    }
    request = compiled.create_infer_request()
    total: dict[tuple[str, str, str], float] = Counter()
    for index in range(2 + loop):
        request.infer([batch])
        if index < 2:
            continue
        for node in request.profiling_info:
            if node.status == openvino.ProfilingInfo.Status.EXECUTED:
                known = (kinds[n] for n in origins.get(node.node_name, ()) if n in kinds)
                kind = next(known, node.node_type) if node.node_type == "Convolution" else None
                key = (node.node_name, kind or node.node_type, node.exec_type)
                total[key] += node.real_time.total_seconds() * 1000 / loop
    return [engines.LayerTime(kind, kernel, ms) for (_, kind, kernel), ms in total.items()]


def _convolutions(model: openvino.Model) -> dict[str, str]:
    """Return the kind of each convolution of ``model`` by its name."""
    found = {}
    for node in model.get_ops():
        if node.get_type_name() == "Convolution":
            step, window = node.get_attributes()["strides"][0], node.input_value(1).shape[-1]
            kind = engines.convolution_kind(window, step, tuple(node.output(0).shape[2:]))
            found[node.get_friendly_name()] = kind
    return found


def compile_model(
    core: openvino.Core, path: Path, options: engines.Options, extra: dict[str, Any] | None = None
) -> openvino.CompiledModel:
    """Return the model at ``path`` (.onnx, or .xml with ``options.batch_size``) for the CPU.

    ``extra`` are further properties of the runtime; with them the cache is not used.
    """
    config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": float_type(core, options.precision)}
    config["PERFORMANCE_HINT"] = "LATENCY" if options.streams is None else "THROUGHPUT"
    if options.streams:
        config["NUM_STREAMS"] = options.streams
    if options.threads:
        config["INFERENCE_NUM_THREADS"] = options.threads
    if extra:
        return core.compile_model(_fixed(core, path, options), "CPU", config | extra)
    with compiled_cache.folder(path, f"{options.precision} {options.batch_size}") as cache:
        config["CACHE_DIR"] = str(cache)
        return core.compile_model(_fixed(core, path, options), "CPU", config)


def _fixed(core: openvino.Core, path: Path, options: engines.Options) -> openvino.Model | str:
    # What is compiled from its path is cached by its path.
    return str(path) if path.suffix == ".onnx" else _fixed_model(core, path, options)


def _fixed_model(core: openvino.Core, path: Path, options: engines.Options) -> openvino.Model:
    model = core.read_model(str(path))
    # A quantized model serves every batch size.
    model.reshape([options.batch_size, *list(model.input(0).partial_shape)[1:]])
    return model
