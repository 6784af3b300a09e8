"""What a network expects of its input: the order of the colours, a mean and a scale a channel.

A record of the model: exporting writes it into the ONNX file, and all that feeds the model reads
it there.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from common.errors import ChainError

CHANNELS = 3
COLOURS = ("bgr", "rgb")


class Preprocessing(NamedTuple):
    """Pixels x of a channel become (x - mean) / scale; ``mean`` and ``scale`` are in the order of
    the network's own channels. The default is the guide's: BGR, (x/255 - 0.5)/0.5.
    """

    colour: str = "bgr"
    mean: tuple[float, ...] = (127.5,) * CHANNELS
    scale: tuple[float, ...] = (127.5,) * CHANNELS

    def pixels(self, crops: np.ndarray) -> np.ndarray:
        """Return ``crops``, (..., 3, H, W) in BGR, with their channels in the network's order."""
        return crops if self.colour == "bgr" else crops[..., ::-1, :, :]

    def normalise(self, crops: np.ndarray) -> np.ndarray:
        """Return ``crops``, uint8 (..., 3, H, W) in BGR, as the network's float32 input."""
        tables = _tables(self)
        values = np.empty(crops.shape, np.float32)
        for channel, table in enumerate(tables):
            # Every pixel is in range: to have that checked would take three times as long.
            values[..., channel, :, :] = np.take(
                table, self.pixels(crops)[..., channel, :, :], mode="clip"
            )
        return values

    def record(self) -> dict[str, Any]:
        """Return this as a JSON object."""
        return {"colour": self.colour, "mean": list(self.mean), "scale": list(self.scale)}

    def metadata(self) -> dict[str, str]:
        """Return this as entries of an ONNX file's metadata; ``of_metadata`` is the way back."""
        return {
            "colour": self.colour,
            "mean": ",".join(map(repr, self.mean)),
            "scale": ",".join(map(repr, self.scale)),
        }

    def __str__(self) -> str:
        """Return how a person would give this to make."""
        return f"COLOUR={self.colour} MEAN={shown(self.mean)} SCALE={shown(self.scale)}"


def shown(values: tuple[float, ...]) -> str:
    """Return a mean or scale as one number where the channels share it, else as three."""
    return ",".join(f"{v:g}" for v in (values if len(set(values)) > 1 else values[:1]))


@lru_cache(maxsize=16)
def _tables(preprocessing: Preprocessing) -> np.ndarray:
    """Return float32 (3, 256): what becomes of each pixel value in each channel.

    In float32 and through x/255, as torchvision's ToTensor and Normalize compute it and the guide
    does. A network that normalises inside gets the pixel values themselves, which it may take
    for integers.
    """
    x = np.arange(256, dtype=np.float32)
    rows = [
        x
        if (mean, scale) == (0, 1)
        else (x / np.float32(255) - np.float32(mean / 255)) / np.float32(scale / 255)
        for mean, scale in zip(preprocessing.mean, preprocessing.scale, strict=True)
    ]
    return np.stack(rows)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that ``parse`` reads to ``parser``."""
    parser.add_argument("--colour", choices=COLOURS, required=True, help="order of the channels")
    parser.add_argument("--mean", required=True, help="taken off a pixel: one number, or three")
    parser.add_argument("--scale", required=True, help="that it is then divided by: likewise")


def parse(colour: str, mean: str, scale: str) -> Preprocessing:
    """Return what the words of COLOUR, MEAN and SCALE say: one number, or three by commas.

    Raises ``ChainError`` for anything else, and for a scale of zero.
    """
    if colour not in COLOURS:
        raise ChainError(f"COLOUR={colour} is unknown; choose one of: {' '.join(COLOURS)}")
    means, scales = _numbers("MEAN", mean), _numbers("SCALE", scale)
    if not all(scales):
        raise ChainError(f"SCALE={scale} is not allowed: pixels are divided by it; give another.")
    return Preprocessing(colour, means, scales)


def _numbers(name: str, text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in text.split(","))
    except ValueError:
        values = ()
    if len(values) not in (1, CHANNELS) or not all(map(math.isfinite, values)):
        raise ChainError(
            f"{name}={text} is not allowed; give one number, or three by commas, in the order of "
            "COLOUR."
        )
    return values if len(values) == CHANNELS else values * CHANNELS


def of_metadata(metadata: Mapping[str, str], source: object) -> Preprocessing:
    """Return what ``metadata``, of the model ``source``, records; ``ChainError`` if it does not."""
    try:
        return parse(*(metadata[key] for key in Preprocessing._fields))
    except KeyError as missing:
        raise ChainError(
            f"{source} does not record its {missing.args[0]}; remove it and run make again."
        ) from None


def of_record(record: Mapping[str, Any]) -> Preprocessing:
    """Return what ``Preprocessing.record`` made."""
    return Preprocessing(record["colour"], tuple(record["mean"]), tuple(record["scale"]))
