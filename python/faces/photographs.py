"""Many photographs -> one aligned crop each, by several processes."""

import multiprocessing
import signal
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np

from common.errors import ChainError
from common.machine import usable_cpus
from common.progress import progress
from dataset import photograph
from faces import alignment
from faces.detector import Detector, landmarks
from faces.landmarks_file import Landmarks

# A process starts in about half a second, in which it would align a hundred photographs.
_PER_PROCESS = 64
_AT_A_TIME = 8

# Of this process: made once, used for each photograph.
_detector: Detector | None = None


def align(path: Path, detector: Detector | None, given: Landmarks | None) -> np.ndarray | None:
    """Return the aligned crop of the photograph ``path``, uint8 (112, 112, 3) in BGR.

    Its face is where ``given`` says, else the one that is chosen of those that ``detector``
    finds; None where it finds none. Raises ``ChainError`` for a picture that cannot be read and
    for landmarks that are outside of it or lie on one spot.
    """
    pixels = photograph.read(path).pixels
    if given is None:
        return align_found(pixels, detector)
    height, width = pixels.shape[:2]
    points = given.points
    if not ((points >= 0) & (points <= (width, height))).all():
        raise ChainError(
            f"{given.where}: a landmark is outside of {path}, which is {width}x{height} when it "
            "is upright; correct the line."
        )
    try:
        return alignment.crop(pixels, points)
    except ChainError as error:
        raise ChainError(f"{given.where}: {error}; correct the line.") from None


def align_found(pixels: np.ndarray, detector: Detector) -> np.ndarray | None:
    """Return the crop, as ``align`` does, of the face that ``detector`` finds in ``pixels``."""
    points = landmarks(detector, pixels)
    try:
        return None if points is None else alignment.crop(pixels, points)
    except ChainError:
        return None  # landmarks on one spot: it is a face that is none


def align_all(
    paths: Sequence[Path], model: Path | None, given: Sequence[Landmarks] | None = None
) -> list[bytes | None]:
    """Return for each of ``paths`` its crop as PNG, None where no face is found; as ``align`` does.

    ``model`` is the detector's file, or ``given`` has the landmarks of each photograph. The result
    does not depend on the number of processes. Raises ``ChainError`` of the first photograph that
    has one.
    """
    global _detector
    _detector = Detector(model) if given is None else None  # the file's fault is told once, here
    every = given or [None] * len(paths)
    processes = min(usable_cpus(), -(-len(paths) // _PER_PROCESS))
    if processes <= 1:
        return list(progress(map(_one, paths, every), len(paths), "photograph"))
    pool = ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), _begin, (model if given is None else None,)
    )
    try:
        made = pool.map(_one, paths, every, chunksize=_AT_A_TIME)
        return list(progress(made, len(paths), "photograph"))
    except BrokenProcessPool:
        raise ChainError(
            "a process that aligned photographs was ended, as happens where memory is short; free "
            "some, or shrink the largest pictures."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(model: Path | None) -> None:
    global _detector
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one ends it
    _detector = None if model is None else Detector(model)


def _one(path: Path, given: Landmarks | None) -> bytes | None:
    pixels = align(path, _detector, given)
    return None if pixels is None else photograph.as_png(pixels)
