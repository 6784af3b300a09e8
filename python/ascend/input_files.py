"""The input folder of ais_bench: names, layout and the check before use.

One file an image and view, named as the guide names them: ``<i>.bin`` and ``<i>_flip.bin``, i
being the crop's index. Without AIPP a file is float32 (3, 112, 112) normalised; with AIPP it
is uint8 (112, 112, 3), a quarter of the size, and the NPU normalises. Channels are in the
network's order.
"""

import os
from pathlib import Path

import numpy as np

from common.errors import ChainError
from common.shapes import SIDE
from dataset.crop_store import Crops
from dataset.preprocessing import Preprocessing

# Files compared byte for byte before each use; more would cost as much as writing them.
SAMPLE = 32


def folder_of(inputs: Path) -> Path:
    """Return the folder of .bin files that the record ``inputs`` (<folder>.json) stands for."""
    return inputs.with_suffix("")


def stems(which: np.ndarray) -> list[str]:
    """Return the names without suffix for the crops ``which``, int (n,): two for each."""
    return [name for i in which.tolist() for name in (f"{i}", f"{i}_flip")]


def file_size(aipp: bool) -> int:
    """Return the bytes of one file: 150,528, or 37,632 with AIPP."""
    return 3 * SIDE * SIDE * (1 if aipp else 4)


def encode(pixels: np.ndarray, form: Preprocessing, aipp: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the content of the two files of a crop: ``pixels``, uint8 (3, 112, 112), BGR.

    ``form`` is what the network expects.
    """
    views = (pixels, pixels[:, :, ::-1])
    if aipp:
        ordered = (form.pixels(view).transpose(1, 2, 0) for view in views)
        plain, flipped = (np.ascontiguousarray(view) for view in ordered)
    else:
        plain, flipped = (form.normalise(view) for view in views)
    return plain, flipped


def check(folder: Path, crops: Crops, which: np.ndarray, form: Preprocessing, aipp: bool) -> None:
    """Raise ``ChainError`` unless ``folder`` holds exactly the inputs for the crops ``which``.

    ais_bench notices neither a missing or foreign file nor sizes that cancel out in a batch.
    Names and sizes are checked of every file, the content of a sample spread over the set.
    """
    advice = "remove it and run make again"
    size = file_size(aipp)
    expected = {f"{stem}.bin" for stem in stems(which)}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name not in expected:
                raise ChainError(f"{folder} holds {entry.name}, which is not an input; {advice}.")
            if not entry.is_file(follow_symlinks=False):
                raise ChainError(f"{folder}/{entry.name} is not a plain file; {advice}.")
            if (found := entry.stat().st_size) != size:
                raise ChainError(f"{folder}/{entry.name} has {found} bytes, not {size}; {advice}.")
            expected.remove(entry.name)
    if expected:
        raise ChainError(f"{folder} lacks {min(expected)} and {len(expected) - 1} more; {advice}.")
    for i in np.unique(np.linspace(0, len(which) - 1, SAMPLE // 2, dtype=int)):
        index = int(which[i])
        contents = encode(crops[index], form, aipp)
        for stem, content in zip(stems(which[i : i + 1]), contents, strict=True):
            if (folder / f"{stem}.bin").read_bytes() != content.tobytes():
                raise ChainError(f"{folder}/{stem}.bin does not show image {index}; {advice}.")
