"""PyTorch on CUDA, or on the CPU as a peer of the other engines."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import engines
from common.errors import ChainError, reason
from common.machine import cpu_flags, cpu_name, physical_cores, versions
from common.shapes import SIDE
from dataset import preprocessing
from dataset.preprocessing import Preprocessing
from engines.arithmetic import precisions
from onnx_graph import flops, store
from onnx_graph.to_torch import convert

_TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
# Calls before a capture: cuDNN chooses its algorithms and libraries allocate their workspaces.
_WARM = 3


def _device(options: engines.Options) -> str:
    return options.device or ("cuda" if torch.cuda.is_available() else "cpu")


def check(options: engines.Options) -> None:
    """Raise ``ChainError`` for a device, precision or mode that PyTorch does not have here."""
    device = _device(options)
    for value, allowed, variable in (
        (device, ("cuda", "cpu"), "TORCH_DEVICE"),
        (options.mode, (None, "compile", "graph", "eager"), "TORCH_MODE"),
    ):
        if value not in allowed:
            choice = " ".join(filter(None, allowed))
            raise ChainError(f"{variable}={value} is unknown; choose one of: {choice}")
    if device == "cpu":
        if options.precision == "fp16" and "fp16" not in precisions("torch", cpu_flags()):
            raise ChainError(f"{cpu_name()} has no fp16 arithmetic; choose PRECISION=bf16 or fp32.")
        if options.mode == "graph":
            raise ChainError("TORCH_MODE=graph captures CUDA graphs; choose eager or compile.")
        return
    if not torch.cuda.is_available():
        raise ChainError(
            f"TORCH_DEVICE=cuda, but PyTorch {torch.__version__} finds no CUDA device; install a "
            "CUDA build and the driver, or choose TORCH_DEVICE=cpu."
        )
    if options.precision == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        name = torch.cuda.get_device_name()
        raise ChainError(f"{name} has no bf16 arithmetic; choose PRECISION=fp16 or fp32.")


class _FromImage(nn.Module):
    """The network behind a cast: float32 images, or uint8 pixels that are normalised first."""

    def __init__(self, network: nn.Module, dtype: torch.dtype, form: Preprocessing):
        super().__init__()
        self.network, self.dtype = network, dtype
        # As Preprocessing computes it.
        self.raw = not any(form.mean) and set(form.scale) == {1}
        for name in ("mean", "scale"):
            values = torch.tensor(getattr(form, name), dtype=torch.float64) / 255
            self.register_buffer(name, values.float().reshape(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype == torch.uint8:
            x = x.float()
            x = x if self.raw else (x / 255 - self.mean) / self.scale
        return self.network(x.to(self.dtype, memory_format=torch.channels_last))


class Engine(engines.Engine):
    """The graph in channels-last, run as it is, captured as a CUDA graph, or compiled.

    Takes uint8 pixels as well as float32 images: a quarter of the bytes to carry to the device.
    """

    takes_pixels = True

    def __init__(self, model: Path, options: engines.Options) -> None:
        self._precision = options.precision
        self._device = _device(options)
        self._mode = options.mode or ("compile" if self._device == "cuda" else "eager")
        self._threads = options.threads or physical_cores()
        torch.set_num_threads(self._threads)
        # cuDNN's convolutions would otherwise round their inputs to TF32.
        for backend in (torch.backends.cudnn.conv, torch.backends.cuda.matmul):
            backend.fp32_precision = "ieee"
        for backend in (torch.backends.mkldnn.conv, torch.backends.mkldnn.matmul):
            backend.fp32_precision = "ieee"
        torch.backends.cudnn.benchmark = True
        self._batch_size = flops.batch_size(model)
        dtype = _TYPES[self._precision]
        form = preprocessing.of_metadata(store.metadata(store.load_graph(model)), model)
        network = _FromImage(convert(model, dtype), dtype, form).to(self._device)
        self._network = network.to(memory_format=torch.channels_last).requires_grad_(False)
        if self._mode == "compile":
            self._network = torch.compile(self._network, fullgraph=True, dynamic=False)
        self._captured: dict[torch.dtype, _Captured] = {}
        try:
            # Compiling and capturing belong to loading; a failure shows here.
            self.run(np.zeros((self._batch_size, 3, SIDE, SIDE), np.uint8))
        except RuntimeError as error:
            raise ChainError(
                f"PyTorch cannot run {model} in {self._precision} with TORCH_MODE={self._mode} "
                f"on {self._device} ({reason(error)}); try another TORCH_MODE= or PRECISION=."
            ) from None

    @torch.inference_mode()
    def run(self, batch: np.ndarray) -> np.ndarray:
        images = torch.from_numpy(batch)
        if self._device == "cpu":
            return self._network(images).numpy()
        if self._mode == "eager":
            return self._network(images.to(self._device)).cpu().numpy()
        if images.dtype not in self._captured:
            self._captured[images.dtype] = _Captured(self._network, images)
        return self._captured[images.dtype](images)

    def describe(self) -> dict[str, Any]:
        cuda = self._device == "cuda"
        used = versions("torch", "numpy")
        if cuda:
            cudnn = torch.backends.cudnn.version()
            used |= {"cuda": torch.version.cuda, "cudnn": str(cudnn)}
        return {
            "batch_size": self._batch_size,
            "provider": f"{self._device}, {self._mode}, channels-last",
            "device": torch.cuda.get_device_name() if cuda else cpu_name(),
            "precision": self._precision,
            "threads": self._threads,
            "versions": used,
        }


class _Captured:
    """A network's kernels for one input type, recorded once and replayed without Python."""

    def __init__(self, network: nn.Module, images: Tensor) -> None:
        self._host = torch.empty_like(images, pin_memory=True)
        self._input = images.cuda()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM):
                network(self._input)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._output = network(self._input)

    def __call__(self, images: Tensor) -> np.ndarray:
        self._host.copy_(images)
        self._input.copy_(self._host, non_blocking=True)
        self._graph.replay()
        return self._output.cpu().numpy()
