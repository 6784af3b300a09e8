"""ONNX Runtime with one execution provider, and never another."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import npu
from engines import Options
from errors import ChainError
from machine import cpu_name, physical_cores, versions

_CPU = "CPUExecutionProvider"
_CANN = "CANNExecutionProvider"
# The provider's own default is fp16, whatever the type of the model.
_CANN_MODES = {"fp16": "force_fp16", "fp32": "must_keep_origin_dtype"}


class Engine:
    """A session whose nodes all run on the provider that was asked for."""

    PRECISIONS = ("fp32", "fp16")
    DEVICES = tuple(map(str, range(256)))  # numbers of NPUs, for the CANN provider

    def __init__(self, model: Path, options: Options) -> None:
        if options.streams:
            raise ChainError("STREAMS= belongs to ENGINE=openvino; leave it out with onnxruntime.")
        self._provider = options.provider or _CPU
        available = onnxruntime.get_available_providers()
        if self._provider not in available:
            raise ChainError(
                f"EP={self._provider} is not in the installed onnxruntime; "
                f"choose one of: {' '.join(available)}"
            )
        self._precision, self._device = options.precision, int(options.device or 0)
        chosen = {}
        if self._provider == _CANN:
            chosen = {"device_id": str(self._device)}
            chosen["precision_mode"] = _CANN_MODES[self._precision]
        elif self._precision != "fp32":
            raise ChainError(f"EP={self._provider} has no PRECISION={self._precision}; use fp32.")
        # Set, not left to the runtime's default, so that the number recorded is the one used.
        self._threads = options.threads or physical_cores()
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = self._threads
        if self._provider != _CPU:
            settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), settings, providers=[(self._provider, chosen)]
            )
        except Exception as error:  # the runtime's exceptions share no narrower base
            reason = str(error).strip().splitlines()[0]
            raise ChainError(
                f"ONNX Runtime cannot run {model} on {self._provider} alone ({reason})."
            ) from None
        # A provider whose libraries are missing is dropped with no more than a log line.
        if self._session.get_providers()[0] != self._provider:
            raise ChainError(
                f"EP={self._provider} could not be started and ONNX Runtime fell back to "
                f"{self._session.get_providers()[0]}; check the provider's libraries."
            )
        (self._input,) = self._session.get_inputs()

    def run(self, batch: np.ndarray) -> np.ndarray:
        return self._session.run(None, {self._input.name: batch})[0]

    def describe(self) -> dict[str, Any]:
        return {
            "batch_size": self._input.shape[0],
            "provider": self._session.get_providers()[0],
            "device": self._device_name(),
            "precision": self._precision,
            "threads": self._threads,
            # Several distributions bring this module: onnxruntime-cann is one.
            "versions": versions("numpy") | {"onnxruntime": onnxruntime.__version__},
        }

    def _device_name(self) -> str:
        if self._provider == _CPU:
            return cpu_name()
        if self._provider == _CANN:
            try:
                return npu.soc_version(npu.name_of(self._device))
            except ChainError:
                pass  # a container may have the device without npu-smi
        return self._provider
