"""Faces in a photograph and their landmarks, by a YuNet model in OpenCV; and which one is meant."""

import threading
from pathlib import Path

import numpy as np

from common.errors import ChainError
from dataset.decode import cv2

# As OpenCV's FaceDetectorYN has them: the score of a face, how much two boxes of one may overlap,
# and how many candidates are looked at.
_SCORE, _OVERLAP, _CANDIDATES = 0.5, 0.3, 5000
# A photograph is shrunk to this for the detector: more would find no larger faces, and costs time
# and memory. Faces down to about a fiftieth of the longer side are found.
LONGEST_SIDE = 640
LARGEST_MODEL = 64 << 20
# What a face at the corner of the picture counts, of one of its size at the centre: 1/(1 + 3).
_FALL = 3
# Of the process: several threads may each make a detector.
_quiet = threading.Lock()


class Detector:
    """The YuNet model in the file ``path``; one at a time, and in one thread.

    Raises ``ChainError`` where the file is no YuNet model that OpenCV runs.
    """

    def __init__(self, path: Path):
        if path.stat().st_size > LARGEST_MODEL:
            raise ChainError(f"DETECTOR={path} is larger than {LARGEST_MODEL >> 20} MiB: no YuNet.")
        cv2.setNumThreads(1)  # a picture is small; several are worked on at a time
        with _quiet:
            level = cv2.utils.logging.getLogLevel()
            # It warns of a target that it does not support and that nobody asked for.
            cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
            try:
                self.model = cv2.FaceDetectorYN.create(
                    str(path), "", (64, 64), _SCORE, _OVERLAP, _CANDIDATES
                )
                self.find(np.zeros((64, 64, 3), np.uint8))
            except cv2.error:
                raise ChainError(
                    f"DETECTOR={path} is no YuNet model that OpenCV {cv2.__version__} runs; "
                    "give another, or leave DETECTOR= out."
                ) from None
            finally:
                cv2.utils.logging.setLogLevel(level)

    def find(self, pixels: np.ndarray) -> np.ndarray:
        """Return the faces in ``pixels``, uint8 (height, width, 3) in BGR: float64 (faces, 14).

        A row is the box (x, y, width, height), then x and y of the five landmarks in the order of
        ``alignment.TEMPLATE``, all in pixels of ``pixels``.
        """
        height, width = pixels.shape[:2]
        scale = min(1, LONGEST_SIDE / max(height, width))
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        if scale < 1:
            pixels = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
        self.model.setInputSize(small)
        _, found = self.model.detect(pixels)
        if found is None:
            return np.empty((0, 14))
        faces = found[:, :14].astype(np.float64)
        if scale < 1:
            across, down = width / small[0], height / small[1]
            faces[:, :4] *= (across, down, across, down)
            # The centre of the first pixel is 0 in both sizes.
            faces[:, 4::2] = (faces[:, 4::2] + 0.5) * across - 0.5
            faces[:, 5::2] = (faces[:, 5::2] + 0.5) * down - 0.5
        return faces[np.isfinite(faces).all(axis=1)]


def choose(faces: np.ndarray, shape: tuple[int, int]) -> int:
    """Return the index of the face that a photograph of ``shape`` (height, width) is taken of.

    ``faces`` is (N, 14) with N >= 1, as ``Detector.find`` gives it. The largest near the centre:
    that with the largest s / (1 + 3 r), s being the square root of the area of its box, r the
    distance of the box's centre from the picture's, as a part of half the diagonal. A face at a
    corner has to be four times as large as one at the centre. The first one where two are equal.
    """
    centre = np.array(shape[::-1]) / 2
    distance = np.linalg.norm(faces[:, :2] + faces[:, 2:4] / 2 - centre, axis=1)
    side = np.sqrt(np.maximum(faces[:, 2] * faces[:, 3], 0))
    return int(np.argmax(side / (1 + _FALL * distance / np.linalg.norm(centre))))


def landmarks(detector: Detector, pixels: np.ndarray) -> np.ndarray | None:
    """Return the landmarks, float64 (5, 2), of the face chosen in ``pixels``; None without one."""
    faces = detector.find(pixels)
    if not len(faces):
        return None
    return faces[choose(faces, pixels.shape[:2]), 4:].reshape(5, 2)
