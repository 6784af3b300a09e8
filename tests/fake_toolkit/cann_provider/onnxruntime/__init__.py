"""A stand-in for onnxruntime-cann: the real onnxruntime, with its CPU posing as the NPU."""

import os
import sys
from pathlib import Path

_OWN = str(Path(__file__).resolve().parent.parent)
_NAME = "CANNExecutionProvider"
_OPTIONS = {"device_id", "precision_mode", "enable_cann_graph", "npu_mem_limit"}

# This module makes way for the real one of the same name.
sys.path = [entry for entry in sys.path if str(Path(entry).resolve()) != _OWN]
del sys.modules["onnxruntime"]
import onnxruntime  # noqa: E402

_Session = onnxruntime.InferenceSession


def get_available_providers() -> list[str]:
    return [_NAME, "CPUExecutionProvider"]


class InferenceSession:
    """A session on the CPU that has checked the options of the provider."""

    def __init__(self, path: str, settings=None, providers: list | None = None):
        providers = providers or ["CPUExecutionProvider"]
        (name, options), *others = (p if isinstance(p, tuple) else (p, {}) for p in providers)
        if name != _NAME or others:
            self._session = _Session(path, settings, providers=providers)
            self._names = self._session.get_providers()
            return
        if set(options) - _OPTIONS:
            raise RuntimeError(f"Unknown provider option: {set(options) - _OPTIONS}")
        listed = [d.split(":")[0] for d in os.environ.get("FAKE_NPU", "0:310P3 1:310P3").split()]
        if options.get("device_id", "0") not in listed:
            raise RuntimeError(f"CANN failure 107001: device {options['device_id']}")
        self._session = _Session(path, providers=["CPUExecutionProvider"])
        self._names = [_NAME, "CPUExecutionProvider"]

    def get_providers(self) -> list[str]:
        return self._names

    def __getattr__(self, name: str):
        return getattr(self._session, name)


onnxruntime.InferenceSession = InferenceSession
onnxruntime.get_available_providers = get_available_providers
sys.modules["onnxruntime"] = onnxruntime
