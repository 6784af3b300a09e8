"""The engines. ``ENGINE=x`` is the file ``x.py`` beside this one, with a class ``Engine``.

An engine file is imported only when it is chosen, so that no other runtime need be installed.
"""

import importlib
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from errors import ChainError


class Options(NamedTuple):
    """What a person can choose about an engine; None leaves the choice to the engine.

    ``precision`` is one of the engine's ``PRECISIONS``, ``provider`` an ONNX Runtime execution
    provider, ``threads`` the number of CPU threads. ``streams`` is how many batches are worked
    on at a time: None means one, for the least latency, and 0 as many as the engine finds best.
    ``batch_size`` is for models that have none of their own. ``device`` and ``mode`` are among
    the ``DEVICES`` and ``MODES`` of an engine that has a choice of them.
    """

    precision: str = "fp32"
    provider: str | None = None
    threads: int | None = None
    streams: int | None = None
    batch_size: int | None = None
    device: str | None = None
    mode: str | None = None


class Engine(Protocol):
    """A model that is loaded and ready to run.

    The constructor takes the ONNX file and ``Options``, and raises ``ChainError`` where the
    model or an option cannot be honoured: an engine never falls back to anything else.

    An engine may also have ``DEVICES`` and ``MODES``, the values that it takes for these
    options, and ``PIXELS = True`` where ``run`` takes uint8 pixels too and normalises them
    itself as ``crops.normalise`` does.

    An engine that works on several batches at a time also has ``slots``, how many it takes,
    ``start(batch)``, which returns at once with a token, and ``finish(token)``, which waits
    for the output; tokens are finished in the order in which they were started.
    """

    PRECISIONS: tuple[str, ...]

    def __init__(self, model: Path, options: Options) -> None: ...

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Map float32 (B, 3, 112, 112) to float32 (B, 512), B being the model's batch size.

        May be called from one thread at a time; the result is the caller's to keep.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Return what is really in use, as asked of the runtime and not of the options.

        Keys: ``batch_size``, ``provider``, ``device``, ``precision``, ``threads``, ``versions``;
        where the engine has them, ``streams`` and ``layers`` (how many layers run in which type).
        """
        ...


def names() -> list[str]:
    """Return the names that ``load`` accepts, sorted."""
    return sorted(p.stem for p in Path(__file__).parent.glob("[a-z]*.py"))


def load(name: str, model: Path, options: Options) -> Engine:
    """Return engine ``name`` with the ONNX file ``model`` loaded.

    Raises ``ChainError`` for an unknown name, a precision that the engine does not have, a
    missing or unreadable model, and whatever the engine cannot honour.
    """
    if name not in names():
        raise ChainError(f"ENGINE={name} is unknown; choose one of: {' '.join(names())}")
    if not model.is_file():
        raise ChainError(f"{model} is missing; make it with make sim.")
    engine = importlib.import_module(f"engines.{name}").Engine
    if options.precision not in engine.PRECISIONS:
        raise ChainError(
            f"PRECISION={options.precision} is not available with ENGINE={name}; "
            f"choose one of: {' '.join(engine.PRECISIONS)}"
        )
    for option, allowed in (("device", "DEVICES"), ("mode", "MODES")):
        value, choice = getattr(options, option), getattr(engine, allowed, ())
        if value is not None and value not in choice:
            raise ChainError(
                f"{option} {value} is not available with ENGINE={name}; "
                + (f"choose one of: {' '.join(choice)}" if choice else "leave it out.")
            )
    return engine(model, options)


def takes_pixels(engine: Engine) -> bool:
    """Return whether ``engine`` is best fed uint8 pixels instead of normalised float32."""
    return getattr(engine, "PIXELS", False)
