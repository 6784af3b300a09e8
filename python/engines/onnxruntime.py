"""ONNX Runtime with one execution provider, and never another."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import engines
from ascend import npu
from ascend.atc import MODES
from common.errors import ChainError, reason
from common.machine import cpu_name, physical_cores, versions

_CPU = "CPUExecutionProvider"
_CANN = "CANNExecutionProvider"


def check(options: engines.Options) -> None:
    """Raise ``ChainError`` for a provider that is not installed, or one without the precision."""
    provider = options.provider or _CPU
    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise ChainError(
            f"EP={provider} is not in the installed onnxruntime; "
            f"choose one of: {' '.join(available)}"
        )
    if provider != _CANN:
        if options.precision != "fp32":
            raise ChainError(f"EP={provider} has no PRECISION={options.precision}; use fp32.")
        if options.npu is not None:
            raise ChainError(f"DEVICE= does nothing with EP={provider}; leave it out.")


class Engine(engines.Engine):
    """A session whose nodes all run on the provider that was asked for."""

    def __init__(self, model: Path, options: engines.Options) -> None:
        self._provider = options.provider or _CPU
        self._precision, self._device = options.precision, options.npu or 0
        chosen = {}
        if self._provider == _CANN:
            chosen = {"device_id": str(self._device), "precision_mode": MODES[self._precision]}
        # Set, not left to the runtime's default, so that the number recorded is the one used.
        self._threads = options.threads or physical_cores()
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = self._threads
        # Its errors come as exceptions; the log repeats them in colours.
        settings.log_severity_level = 4
        if self._provider != _CPU:
            settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), settings, providers=[(self._provider, chosen)]
            )
        except Exception as error:  # the exceptions of the runtime share no narrower base
            raise ChainError(
                f"ONNX Runtime cannot run {model} on {self._provider} alone ({reason(error)})."
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
