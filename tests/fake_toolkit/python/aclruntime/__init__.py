"""A stand-in for aclruntime: its interface, and ONNX Runtime in the place of the NPU."""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from aclruntime import execution

_TYPES = {"float32": np.float32, "uint8": np.uint8}
# Newer runtimes list the start and the end of an execution, in milliseconds since 1970.
_PAIRS = os.environ.get("FAKE_ACL") == "pairs" or os.environ.get("FAKE_AIS_VERSION") == "3"


def session_options() -> SimpleNamespace:
    """Return options with their defaults."""
    return SimpleNamespace(loop=1, log_level=1, acl_json_path="")


class BaseTensor:
    """``nbytes`` bytes of host memory at ``address``; the caller keeps them alive."""

    def __init__(self, address: int, nbytes: int):
        self.bytes = np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(address))


class Tensor(np.ndarray):
    """A copy of an array, on a device or on the host; read through the buffer protocol."""

    def __new__(cls, array: np.ndarray):
        return np.array(array, order="C").view(cls)

    def to_device(self, device: int) -> None:
        pass

    def to_host(self) -> None:
        pass

    @property
    def bytes(self) -> np.ndarray:
        return np.asarray(self).reshape(-1).view(np.uint8)


class InferenceSession:
    """The model in the file ``path`` on ``device``."""

    def __init__(self, path: str, device: int, options: SimpleNamespace):
        listed = dict(
            d.split(":")[:2] for d in os.environ.get("FAKE_NPU", "0:310P3 1:310P3").split()
        )
        if str(device) not in listed or os.environ.get("FAKE_AIS") == "device":
            raise RuntimeError(f"[507033][set device {device} failed] ")
        try:
            with Path(path).open("rb") as file:
                header, self._onnx = json.loads(file.readline()), file.read()
        except (OSError, ValueError):
            raise RuntimeError(f"[245000][load model {path} failed] ") from None
        name = listed[str(device)]
        if header["soc"] != (name if name.startswith("Ascend") else f"Ascend{name}"):
            raise RuntimeError("[107002][the model was built for another soc version] ")
        self._options, self._aipp = options, header["aipp"]
        self._runtime, self._owner = None, 0
        n, c, h, w = header["shape"]
        if self._aipp:
            self._input = _descriptor("image", "uint8", "NHWC", [n, h, w, c])
        else:
            self._input = _descriptor("image", "float32", "NCHW", [n, c, h, w])
        self._outputs = [
            _descriptor(output["name"], "float32", "ND", output["shape"])
            for output in header["outputs"]
        ]
        self._times: list = []
        atexit.register(self.finalize)

    def get_inputs(self) -> list:
        return [self._input]

    def get_outputs(self) -> list:
        return list(self._outputs)

    def options(self) -> SimpleNamespace:
        return self._options

    def set_staticbatch(self) -> None:
        pass

    def run(self, out_names: list[str], feeds) -> list[Tensor]:
        """Execute ``options.loop`` times; ``feeds`` is a list, or a dictionary by input name."""
        (feed,) = feeds.values() if isinstance(feeds, dict) else feeds
        if feed.bytes.nbytes != self._input.size:
            raise RuntimeError(f"[100000][input size {feed.bytes.nbytes} is wrong] ")
        if os.environ.get("FAKE_AIS") == "execute" and len(self._times) >= 1:
            raise RuntimeError("[507011][model execute failed] ")
        values = feed.bytes.view(_TYPES[self._input.datatype]).reshape(self._input.shape)
        for _ in range(self._options.loop):
            start = time.time() * 1000
            output, ms = self._session().run(self._prepare(values))
            self._times.append([start, start + ms] if _PAIRS else ms)
        return [Tensor(output)]

    def sumary(self) -> SimpleNamespace:
        return SimpleNamespace(exec_time_list=list(self._times))

    def reset_sumaryinfo(self) -> None:
        self._times.clear()

    def finalize(self) -> None:
        # A fork has the session of its parent, which is not its own to end.
        if self._runtime is not None and self._owner == os.getpid():
            self._runtime.close()
        self._runtime = None

    def _session(self) -> execution.Local | execution.Helper:
        # Made at the first run: a front end may fork after it has looked at the model.
        if self._runtime is None or self._owner != os.getpid():
            self._runtime, self._owner = execution.start(self._onnx), os.getpid()
        return self._runtime

    def _prepare(self, values: np.ndarray) -> np.ndarray:
        if not self._aipp:
            return values
        planes = []
        for channel in range(3):
            mean, low, factor = (
                float(self._aipp.get(f"{key}_chn_{channel}", default))
                for key, default in (("mean", 0), ("min", 0), ("var_reci", 1))
            )
            planes.append((values[..., channel] - mean - low) * factor)
        if self._aipp.get("rbuv_swap_switch") == "true":
            planes.reverse()
        return np.stack(planes, axis=1).astype(np.float32)


def _descriptor(name: str, datatype: str, layout: str, shape: list[int]) -> SimpleNamespace:
    size = int(np.prod(shape)) * np.dtype(_TYPES[datatype]).itemsize
    return SimpleNamespace(
        name=name, datatype=datatype, format=layout, shape=shape, size=size, realsize=size
    )
