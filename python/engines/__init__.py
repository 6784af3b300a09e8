"""The engines: ``ENGINE=x`` is a line in engines.mk and the file ``x.py`` beside it.

An engine file is imported only when it is chosen, so that no other runtime need be installed. It
has a class ``Engine``, unless another program runs its files, and may have ``check(options)``,
which raises ``ChainError`` for what this machine cannot do, before there is a model; and
``profile(model, options, batch)``, which returns a ``LayerTime`` for each layer.
"""

from __future__ import annotations

import importlib
import re
from abc import ABC, abstractmethod
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from common.errors import ChainError
from common.machine import usable_cpus

if TYPE_CHECKING:  # the doctor reads the table where nothing is installed
    import numpy as np

_TABLE = Path(__file__).with_name("engines.mk")
# Which make variable an option is.
_VARIABLES = {
    "provider": "EP",
    "threads": "THREADS",
    "streams": "STREAMS",
    "device": "TORCH_DEVICE",
    "npu": "DEVICE",
    "mode": "TORCH_MODE",
    "ais_python": "AIS_PYTHON",
}


class Options(NamedTuple):
    """What a person can choose about an engine; None leaves the choice to the engine.

    ``precision`` is one of the engine's precisions, ``provider`` an ONNX Runtime execution
    provider, ``threads`` the number of CPU threads. ``streams`` is how many batches are worked
    on at a time: None means one, for the least latency, and 0 as many as the engine finds best.
    ``batch_size`` is for models that have none of their own. ``device`` and ``mode`` are those
    of PyTorch, ``npu`` is the number of the device that a provider of onnxruntime runs on,
    ``ais_python`` the interpreter that has ais_bench.
    """

    precision: str = "fp32"
    provider: str | None = None
    threads: int | None = None
    streams: int | None = None
    batch_size: int | None = None
    device: str | None = None
    npu: int | None = None
    mode: str | None = None
    ais_python: str | None = None


class Declaration(NamedTuple):
    """A line of engines.mk; ``arrays``: whether the engine runs arrays in this process."""

    precisions: tuple[str, ...]
    arrays: bool
    variables: tuple[str, ...]


class LayerTime(NamedTuple):
    """How long a layer took, in milliseconds a batch.

    ``kind`` says what it does, for a convolution its window, its step where that is not 1, and the
    size of its output: ``convolution 3x3 /2, 28x28``. ``kernel`` is what the runtime calls what
    it runs, empty where it does not say.
    """

    kind: str
    kernel: str
    ms: float


def convolution_kind(window: int, step: int, output: tuple[int, int]) -> str:
    """Return the ``kind`` of a convolution's ``LayerTime``; ``output`` is (height, width)."""
    stepping = f" /{step}" if step > 1 else ""
    return f"convolution {window}x{window}{stepping}, {output[0]}x{output[1]}"


class Engine(ABC):
    """A model that is loaded and ready to run.

    The constructor takes the model's file and ``Options``, and raises ``ChainError`` where the
    model or an option cannot be honoured: an engine never falls back to anything else.

    ``takes_pixels`` tells that it is best fed uint8 pixels, their channels in the network's
    order, which it normalises as the model records. ``infer_requests`` is how many batches it
    works on at a time: so many are started before the first is finished, and they are finished
    in their order.
    """

    takes_pixels = False
    infer_requests = 1

    @abstractmethod
    def run(self, batch: np.ndarray) -> np.ndarray:
        """Map float32 (B, 3, 112, 112) to float32 (B, D), B being the model's batch size.

        May be called from one thread at a time; the result is the caller's to keep.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what is really in use, as asked of the runtime and not of the options.

        Keys: ``batch_size``, ``provider``, ``device``, ``precision``, ``threads``, ``versions``;
        where the engine has them, ``streams`` and ``layers`` (how many layers run in which type).
        """

    def start(self, batch: np.ndarray) -> Any:
        """Begin to work on ``batch`` and return a token for ``finish``."""
        return self.run(batch)

    def finish(self, started: Any) -> np.ndarray:
        """Return the output of what was ``started`` once it is there."""
        return started


# The doctor reads this on Python 3.7 too.
@lru_cache(maxsize=1)
def declared() -> dict[str, Declaration]:
    """Return the engines by name, sorted, as engines.mk declares them."""
    found = {}
    for name, text in re.findall(r"^ENGINE\.(\w+) +:= +(.+)$", _TABLE.read_text("utf-8"), re.M):
        words = text.split()
        kind = next(w for w in words if w in ("arrays", "files"))
        at = words.index(kind)
        found[name] = Declaration(tuple(words[:at]), kind == "arrays", tuple(words[at + 1 :]))
    return dict(sorted(found.items()))


def least_glibc(name: str, machine: str) -> str | None:
    """Return the glibc that the wheel of engine ``name`` needs on ``machine``.

    None where it is no more than others need.
    """
    found = re.search(rf"^GLIBC\.{name}\.{machine} := ([\d.]+)$", _TABLE.read_text("utf-8"), re.M)
    return found[1] if found else None


def check(name: str, options: Options) -> None:
    """Raise ``ChainError`` where engine ``name`` cannot do on this machine what ``options`` ask.

    That is an unknown name, a precision that the engine or the processor lacks, an option that
    the engine does not take, or a device that is not there.
    """
    if name not in declared():
        raise ChainError(f"ENGINE={name} is unknown; choose one of: {' '.join(declared())}")
    precisions, _, variables = declared()[name]
    if options.precision not in precisions:
        raise ChainError(
            f"PRECISION={options.precision} is not available with ENGINE={name}; "
            f"choose one of: {' '.join(precisions)}"
        )
    for option, variable in _VARIABLES.items():
        value = getattr(options, option)
        # Zero streams are as many as the engine finds best, which any engine does.
        asked = value is not None and (option, value) != ("streams", 0)
        if asked and variable not in variables:
            raise ChainError(f"{variable}= does nothing with ENGINE={name}; leave it out.")
    if (options.threads or 0) > usable_cpus():
        raise ChainError(
            f"THREADS={options.threads} is more than the {usable_cpus()} CPUs usable here."
        )
    module = _module(name)
    if hasattr(module, "check"):
        module.check(options)


def load(name: str, model: Path, options: Options) -> Engine:
    """Return engine ``name`` with the ONNX file ``model`` loaded.

    Raises ``ChainError`` as ``check`` does, for an engine that runs files, for a missing or
    unreadable model, and for whatever the engine cannot honour.
    """
    if name in declared() and not declared()[name].arrays:
        others = [other for other, declaration in declared().items() if declaration.arrays]
        raise ChainError(f"ENGINE={name} runs files only; choose one of: {' '.join(others)}")
    check(name, options)
    if not model.is_file():
        raise ChainError(f"{model} is missing; make it with make sim.")
    return _module(name).Engine(model, options)


def profile(name: str, model: Path, options: Options, batch: np.ndarray) -> list[LayerTime]:
    """Return what each layer takes of a ``batch``, float32 (B, 3, 112, 112), in engine ``name``.

    Raises ``ChainError`` as ``load`` does, and for an engine that does not tell.
    """
    check(name, options)
    module = _module(name)
    if not hasattr(module, "profile"):
        raise ChainError(f"ENGINE={name} does not tell what its layers take; add ENGINE=openvino.")
    return module.profile(model, options, batch)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"engines.{name}")
