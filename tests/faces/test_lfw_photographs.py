"""Acceptance on real photographs, with the real detector and real weights."""

import re
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from support.project import Project, expect_error


@pytest.fixture(scope="module")
def built(shared: Path, tmp_path_factory):
    """A project with the photographs' set, data/photos.bin, and what make accuracy said of it."""
    for name in ("lfw_photos.tar", "lfw_photos_pairs.txt", "yunet_n_dynamic.onnx"):
        if not (shared / name).exists():
            pytest.skip(f"needs ../shared/data/{name}")
    project = Project(tmp_path_factory.mktemp("lfw") / "project")
    with tarfile.open(shared / "lfw_photos.tar") as archive:
        archive.extractall(project.root, filter="data")
    project.detector = ("ALIGN=1", f"DETECTOR={shared}/yunet_n_dynamic.onnx")
    pairs = f"PAIRS={shared}/lfw_photos_pairs.txt"
    said = project.make("bin", "SRC=photos", pairs, *project.detector)
    assert "600 pairs, 300 of one person\n" in said.stdout and "WARN" not in said.stderr
    weights = f"WEIGHTS={shared}/mobilefacenet.pth"
    project.settings = ("NET=mobilefacenet", weights, "DATA=data/photos.bin")
    project.said = project.make("accuracy", *project.settings).stdout
    return project


def test_accuracy_on_600_pairs(built) -> None:
    accuracy = float(re.search(r"^accuracy: (.*)$", built.said, re.MULTILINE)[1])
    threshold = float(re.search(r"^best_thresholds: (.*)$", built.said, re.MULTILINE)[1])
    assert accuracy == pytest.approx(0.9983, abs=0.0017)
    assert threshold == pytest.approx(1.38, abs=0.01)


def test_verify_takes_photographs(built) -> None:
    pictures = [f"photos/Abel_Pacheco/Abel_Pacheco_000{k}.jpg" for k in (1, 4)]
    given = [f"{name}={path}" for name, path in zip("AB", pictures, strict=True)]
    said = built.make("verify", *built.settings, *given, *built.detector).stdout
    distances = np.load(next(built.root.glob("result/*_bs16/embeddings.npy")))[:2]
    expected = np.square(distances[0] - distances[1]).sum()
    assert f"distance:  {expected:.4f} " in said and "same person" in said
    done = built.make("verify", *built.settings, *given, ok=False)
    expect_error(done, f"{pictures[0]} is 250x250, a whole photograph", "ALIGN=1")
    cv2.imwrite(str(built.root / "black.png"), np.zeros((300, 200, 3), np.uint8))
    done = built.make("verify", *built.settings, given[0], "B=black.png", *built.detector, ok=False)
    expect_error(done, "no face was found in B=black.png")
