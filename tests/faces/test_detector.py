"""With the real detector: faces are found, chosen, missed and told, in photographs of any size."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from dataset import verification_bin
from faces.alignment import crop
from faces.detector import Detector, landmarks
from support.project import SHARED, expect_error, run_module

PHOTOGRAPH = np.ascontiguousarray(astronaut()[..., ::-1])
# Read off the photograph: eyes, nose, corners of the mouth.
POINTS = np.array([(203, 101), (248, 103), (224, 127), (207, 142), (242, 142)])
NOBODY = PHOTOGRAPH[300:, :200]


@pytest.fixture(scope="module")
def model() -> Path:
    path = SHARED / "yunet_n_dynamic.onnx"
    if not path.exists():
        pytest.skip("needs ../shared/data/yunet_n_dynamic.onnx (the face detector)")
    return path


@pytest.fixture(scope="module")
def detector(model: Path) -> Detector:
    return Detector(model)


def make(folder: Path, model: Path, pictures: dict[str, np.ndarray], *options: str):
    """Write ``pictures`` and a pair of each with the first; run the door on them."""
    for name, pixels in pictures.items():
        assert cv2.imwrite(str(folder / name), pixels)
    first = next(iter(pictures))
    (folder / "pairs.csv").write_text("".join(f"{first},{name},1\n" for name in pictures))
    arguments = ("--images", folder, "--pairs", folder / "pairs.csv", "--detector", model)
    return run_module("make_bin", *arguments, "--out", folder / "set.bin", *options)


@pytest.mark.parametrize("scale", [0.5, 1, 2, 6])
def test_landmarks_are_those_of_the_full_picture(scale: float, detector: Detector) -> None:
    large = cv2.resize(PHOTOGRAPH, None, fx=scale, fy=scale)
    found = landmarks(detector, large)
    assert np.abs((found + 0.5) / scale - 0.5 - POINTS).max() < 8
    # Nearly the same crop, whatever the size of the photograph.
    expected = crop(PHOTOGRAPH, (found + 0.5) / scale - 0.5)
    assert np.abs(crop(large, found).astype(int) - expected).mean() < 12


def test_ten_faces_and_the_one_that_is_meant(detector: Detector) -> None:
    wall = np.zeros((750, 1250, 3), np.uint8)
    face = PHOTOGRAPH[20:270, 100:350]
    for k in range(10):
        size = 180 if k == 7 else 160
        small = cv2.resize(face, (size, size))
        top, left = 125 + k // 5 * 250, k % 5 * 250 + 45
        wall[top : top + size, left : left + size] = small
    assert len(detector.find(wall)) == 10
    nose = landmarks(detector, wall)[2]
    assert np.linalg.norm(nose - (545 + 126 * 180 / 250, 375 + 113 * 180 / 250)) < 12


def test_no_face_in_any_shape(detector: Detector) -> None:
    for shape in ((1, 1, 3), (3, 5000, 3), (5000, 3, 3), (112, 112, 3), (700, 700, 3)):
        assert landmarks(detector, np.zeros(shape, np.uint8)) is None


def test_photographs_without_a_face_are_listed(model: Path, tmp_path: Path) -> None:
    pictures = {"a.png": PHOTOGRAPH} | {f"none {k}.png": NOBODY for k in range(23)}
    done = make(tmp_path, model, pictures)
    expect_error(done, "in 23 of 24 photographs", "none 19.png and 3 more", "MISSING=skip")
    assert "none 20.png" not in done.stderr and "WARN" not in done.stderr
    assert not (tmp_path / "set.bin").exists()
    done = make(tmp_path, model, pictures, "--skip-missing")
    assert done.returncode == 0 and done.stderr.count("\n") == 1
    assert "note: no face was found in 23 of 24 photographs" in done.stderr
    assert "1 pairs, 1 of one person; 23 left out" in done.stdout
    assert len(verification_bin.read(tmp_path / "set.bin").images) == 2


def test_grey_alpha_and_turned_photographs_give_the_same_crop(model: Path, tmp_path: Path) -> None:
    alpha = np.dstack([PHOTOGRAPH, np.full(PHOTOGRAPH.shape[:2], 7, np.uint8)])
    pictures = {"a.png": PHOTOGRAPH, "b.bmp": PHOTOGRAPH, "c.png": alpha}
    pictures["d.png"] = PHOTOGRAPH.astype(np.uint16) * 257
    done = make(tmp_path, model, pictures)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(set(verification_bin.read(tmp_path / "set.bin").images)) == 1


@pytest.mark.parametrize("content", [b"", b"no model", "the recogniser"])
def test_what_is_no_detector_is_refused(content, model: Path, tmp_path: Path) -> None:
    if content == "the recogniser":
        content = (SHARED / "mobilefacenet_128_rgb.onnx").read_bytes()
    (tmp_path / "other.onnx").write_bytes(content)
    done = make(tmp_path, tmp_path / "other.onnx", {"a.png": PHOTOGRAPH})
    expect_error(done, "other.onnx is no YuNet model")
    assert done.stderr.count("\n") == 1
