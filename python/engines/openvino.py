"""OpenVINO on the CPU."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino

from engines import Options
from errors import ChainError
from machine import versions

# OpenVINO would otherwise take bf16 wherever the processor has it.
_HINTS = {"fp32": openvino.Type.f32}


class Engine:
    """One stream over all threads: at these batch sizes as fast as several, and less memory."""

    PRECISIONS = tuple(_HINTS)

    def __init__(self, model: Path, options: Options) -> None:
        if options.provider:
            raise ChainError("EP= belongs to ENGINE=onnxruntime; leave it out with openvino.")
        core = openvino.Core()
        config: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _HINTS[options.precision],
        }
        if options.threads:
            config["INFERENCE_NUM_THREADS"] = options.threads
        try:
            self._model = core.compile_model(str(model), "CPU", config)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ChainError(f"OpenVINO cannot load {model} ({reason}); rebuild it.") from None
        hint = self._model.get_property("INFERENCE_PRECISION_HINT")
        if hint != _HINTS[options.precision]:
            raise ChainError(f"OpenVINO would run in {hint} instead of {options.precision}.")
        self._precision = options.precision
        self._device = core.get_property("CPU", "FULL_DEVICE_NAME")
        self._request = self._model.create_infer_request()

    def run(self, batch: np.ndarray) -> np.ndarray:
        self._request.infer([openvino.Tensor(np.ascontiguousarray(batch), shared_memory=True)])
        return self._request.get_output_tensor(0).data.copy()

    def describe(self) -> dict[str, Any]:
        return {
            "batch_size": self._model.input(0).shape[0],
            "provider": "+".join(self._model.get_property("EXECUTION_DEVICES")),
            "device": self._device.strip(),
            "precision": self._precision,
            "threads": self._model.get_property("INFERENCE_NUM_THREADS"),
            "versions": versions("openvino", "numpy"),
        }
