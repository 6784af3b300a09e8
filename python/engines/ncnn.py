"""ncnn on the CPU, with Winograd's convolution: fewer multiplications than direct convolution."""

import time
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


def profile(
    model: Path, options: engines.Options, batch: np.ndarray, loop: int = 3
) -> list[engines.LayerTime]:
    """Return the mean time of each layer over ``loop`` runs, after one untimed run.

    As the engine does it for many images: a thread an image, all threads at a time. Each layer's
    output is asked for in turn, in ncnn's own packing, so that asking runs that layer alone; this
    takes a tenth longer in all than one call for the network's output.
    """
    threads = min(options.threads or physical_cores(), len(batch))
    net = _load(model, options.precision, 1)
    layers = [layer for layer in net.layers() if layer.type != "Input"]
    outputs = [layer.tops[0] for layer in layers]
    (first,) = net.input_names()

    def run(image: np.ndarray) -> tuple[list[float], list[tuple[int, int]]]:
        extractor = net.create_extractor()
        extractor.input(first, ncnn.Mat(np.ascontiguousarray(image)))
        seconds, sizes = [], []
        for output in outputs:
            start = time.perf_counter()
            _, blob = extractor.extract(output, 1)
            seconds.append(time.perf_counter() - start)
            sizes.append((blob.h, blob.w))
            # A layer works in place where nobody else holds its input.
            del blob
        return seconds, sizes

    with ThreadPoolExecutor(threads) as workers:
        list(workers.map(run, batch[:threads]))
        runs = [one for _ in range(loop) for one in workers.map(run, batch)]
    ms = np.sum([seconds for seconds, _ in runs], axis=0) * 1000 / threads / loop
    windows = _convolutions(model)
    kinds = [
        engines.convolution_kind(*windows[layer.name], size)
        if layer.name in windows
        else layer.type
        for layer, size in zip(layers, runs[0][1], strict=True)
    ]
    return [engines.LayerTime(kind, "", one) for kind, one in zip(kinds, ms.tolist(), strict=True)]


def _convolutions(model: Path) -> dict[str, tuple[int, int]]:
    """Return window and step of each convolution in the text of ``model`` (.param), by its name."""
    found = {}
    for line in model.read_text(encoding="utf-8").splitlines():
        if line.startswith("Convolution "):
            words = line.split()
            # ncnn's layer parameters: 1 is kernel_w, 3 stride_w, which is 1 where it is left out.
            values = dict(word.split("=") for word in words if "=" in word)
            found[words[1]] = (int(values["1"]), int(values.get("3", 1)))
    return found
