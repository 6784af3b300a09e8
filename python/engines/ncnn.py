"""ncnn on the CPU, with Winograd's convolution: fewer multiplications than direct convolution."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ncnn
import numpy as np

import engines
from common.errors import ChainError
from common.machine import cpu_name, physical_cores, versions


class Engine(engines.Engine):
    """Images on threads of their own, or all threads on one image, whichever leaves none idle.

    ncnn has no batches: the images of ``streams`` batches go through the network side by side, as
    many as there are threads. Where there are fewer images, several threads share one.
    """

    def __init__(self, model: Path, options: engines.Options) -> None:
        threads, self._batch_size = options.threads or physical_cores(), options.batch_size
        images = options.batch_size or 1
        self._streams = options.streams or (1 if options.streams is None else -(-threads // images))
        together = min(threads, self._streams * images)
        self._precision, self._together = options.precision, together
        self._each = threads // together
        self._net = _load(model, options.precision, self._each)
        (self._input,), (self._output,) = self._net.input_names(), self._net.output_names()
        self._workers = ThreadPoolExecutor(together) if together > 1 else None
        # While the last images of a batch end, the first of the next begin.
        self.infer_requests = self._streams + 1 if options.streams is not None else 1

    def run(self, batch: np.ndarray) -> np.ndarray:
        return self.finish(self.start(batch))

    def start(self, batch: np.ndarray) -> list[Future] | np.ndarray:
        if self._workers is None:
            return np.stack([self._embed(image) for image in batch])
        return [self._workers.submit(self._embed, image) for image in batch]

    def finish(self, started: list[Future] | np.ndarray) -> np.ndarray:
        if self._workers is None:
            return started
        return np.stack([future.result() for future in started])

    def _embed(self, image: np.ndarray) -> np.ndarray:
        extractor = self._net.create_extractor()
        extractor.input(self._input, ncnn.Mat(np.ascontiguousarray(image)))
        status, output = extractor.extract(self._output)
        if status:
            raise ChainError(f"ncnn could not run the network (status {status}).")
        return np.array(output).ravel()

    def describe(self) -> dict[str, Any]:
        return {
            "batch_size": self._batch_size,
            "provider": "ncnn",
            "device": cpu_name(),
            "precision": self._precision,
            "threads": self._each * self._together,
            "streams": self._streams,
            "versions": versions("ncnn", "numpy"),
        }


def _load(model: Path, precision: str, threads: int) -> ncnn.Net:
    """Return the network of the files ``model`` (.param) and model.bin beside it."""
    net = ncnn.Net()
    options = net.opt
    # Chosen here, not left to what the processor has.
    options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
    options.use_bf16_packed = options.use_bf16_storage = precision == "bf16"
    options.use_winograd_convolution = options.use_sgemm_convolution = True
    options.use_packing_layout = True
    options.use_vulkan_compute = False
    options.num_threads = threads
    if net.load_param(str(model)) or net.load_model(str(model.with_suffix(".bin"))):
        raise ChainError(f"ncnn cannot load {model}; remove {model.parent} and run make again.")
    return net
