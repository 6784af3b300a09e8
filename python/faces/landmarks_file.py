"""Landmarks that another detector found: a text file with a picture and ten numbers a line."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.errors import ChainError
from dataset import text_file

_FORM = (
    "write a path below SRC= and ten numbers, x and y of left eye, right eye, nose, left and right "
    "corner of the mouth"
)
_BLANKS = str.maketrans("\t,", "  ")


class Landmarks(NamedTuple):
    """``points``: float64 (5, 2), x and y in pixels; ``where`` names file and line."""

    points: np.ndarray
    where: str


def read(path: Path) -> dict[str, Landmarks]:
    """Return the landmarks in ``path`` by the name of the picture, a path below the folder.

    The last ten fields of a line are the numbers, separated by blanks, tabs or commas; what stands
    before them is the name, with or without quotation marks. Raises ``ChainError`` for a line of
    another form, a name that comes twice, or a file in which left and right are the person's.
    """
    found: dict[str, Landmarks] = {}
    for number, line in enumerate(text_file.read(path).replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        # From the end, because the name may hold blanks and commas itself.
        line = line.strip()
        name, *fields = line.translate(_BLANKS).rsplit(None, 10)
        values = [_number(field) for field in fields]
        if len(values) < 10 or None in values:
            raise ChainError(f"{where}: {_FORM}.")
        name = line[: len(name)]
        if len(name) > 1 and name[0] == name[-1] == '"':
            name = name[1:-1]
        name = text_file.normal(name, where)
        if name in found:
            raise ChainError(f"{where}: {name} came before, in {found[name].where}; keep one.")
        found[name] = Landmarks(np.array(values).reshape(5, 2), where)
    if not found:
        raise ChainError(f"{path} holds no landmarks; {_FORM}.")
    mirrored = sum(map(_is_mirrored, found.values()))
    if 2 * mirrored > len(found):
        raise ChainError(
            f"{path} has left and right exchanged in {mirrored} of {len(found)} lines; "
            "left is what is on the left in the picture."
        )
    return found


def _number(field: str) -> float | None:
    try:
        value = float(field)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in field else None


def _is_mirrored(landmarks: Landmarks) -> bool:
    """Is the mouth above the line from left to right eye? Not in a picture, however it is turned.

    A face in profile may look so; not most faces of a file.
    """
    left_eye, right_eye, _, left_mouth, right_mouth = landmarks.points
    across, down = right_eye - left_eye, left_mouth + right_mouth - left_eye - right_eye
    return bool(across[0] * down[1] - across[1] * down[0] < 0)
