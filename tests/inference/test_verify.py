"""Two pictures, one verdict; several sets, one table; both through make."""

import re

import cv2
import numpy as np
import pytest

from dataset import verification_bin
from evaluation.protocol import pair_distances
from support.project import PYTHON, Project, expect_error
from support.results import change, result
from support.sealing import seal


@pytest.fixture(scope="module")
def built(tiny, tmp_path_factory):
    """A project in which tiny has been run at batch 1, and pictures of its first two pairs."""
    project = Project(tmp_path_factory.mktemp("verify") / "project")
    (project.root / "data").mkdir(exist_ok=True)
    (project.root / "data/faces.bin").write_bytes((tiny / "faces.bin").read_bytes())
    project.settings = [
        "NET=mobilefacenet", "BS=1", "DATA=data/faces.bin", f"WEIGHTS={tiny / 'mobilefacenet.pth'}"
    ]  # fmt: skip
    project.folder = project.root / "result/mobilefacenet_faces_openvino_fp32_bs1"
    project.make("accuracy", *project.settings)
    for k, encoded in enumerate(verification_bin.read(tiny / "faces.bin").images[:4]):
        (project.root / f"{k}.jpg").write_bytes(encoded)
    return project


def test_distance_and_verdict_are_those_of_the_set(built):
    distances = pair_distances(np.load(built.folder / "embeddings.npy"))
    threshold = result(built.folder)["best_threshold"]
    different = distances[~np.load(built.root / "data/faces_list.npy")]
    for pair in (0, 1):
        names = (f"A={2 * pair}.jpg", f"B={2 * pair + 1}.jpg")
        said = built.make("verify", *built.settings, *names).stdout
        assert f"distance:  {distances[pair]:.4f} " in said
        assert f"cosine {1 - distances[pair] / 2:.4f}" in said
        assert re.search(rf"^threshold: {threshold:.4f}, cosine .*\n +of result/", said, re.M)
        assert f"margin:    {abs(threshold - distances[pair]):.4f} " in said
        below = (different < distances[pair]).sum()
        counted = f"; {below} of {len(different)}: few)"
        assert (counted if below else f"none of {len(different)} different pairs") in said
        same = distances[pair] < threshold
        assert ("same person" if same else "different persons") in said


def test_threshold_may_be_given(built):
    said = built.make("verify", *built.settings, "A=0.jpg", "B=1.jpg", "THRESHOLD=3.9").stdout
    assert "same person" in said
    assert "threshold: 3.9000, cosine -0.9500\n           of THRESHOLD=\n" in said
    for wrong in ("nan", "4.5"):
        arguments = ("A=0.jpg", "B=1.jpg", f"THRESHOLD={wrong}")
        expect_error(built.make("verify", *built.settings, *arguments, ok=False), "THRESHOLD=")


def test_pictures_that_do_not_do_are_named(built):
    large = np.zeros((250, 250, 3), np.uint8)
    cv2.imwrite(str(built.root / "large.png"), large)
    (built.root / "text.jpg").write_text("no picture")
    for name, reason in (
        ("large.png", "250x250"),
        ("text.jpg", "no whole JPEG"),
        ("no.jpg", "missing"),
    ):
        done = built.make("verify", *built.settings, "A=0.jpg", f"B={name}", ok=False)
        expect_error(done, name, reason)
    assert "B= is empty" in built.make("verify", *built.settings, "A=0.jpg", ok=False).stderr


def test_threshold_of_another_model_or_of_none_is_refused(built):
    path = built.folder / "accuracy.json"
    kept = path.read_bytes()
    try:
        change(path, model_sha256="0" * 64)
        done = built.make("verify", *built.settings, "A=0.jpg", "B=1.jpg", ok=False)
        expect_error(done, "another model", "THRESHOLD=")
        path.unlink()
        done = built.make("verify", *built.settings, "A=0.jpg", "B=1.jpg", ok=False)
        expect_error(done, "accuracy.json is missing", "make accuracy")
    finally:
        path.write_bytes(kept)
        seal(path)


def test_several_sets_and_the_check(built):
    (built.root / "data/more.bin").write_bytes((built.root / "data/faces.bin").read_bytes())
    settings = [s for s in built.settings if not s.startswith("DATA=")]
    said = built.make("accuracy", *settings, "DATASETS=faces more").stdout
    rows = [line.split("|")[1].strip() for line in said.splitlines() if line.startswith("| ")]
    assert rows == ["data set", "faces", "more"]
    done = built.make("accuracy", *settings, "DATASETS=faces more", "CHECK=1", ok=False)
    expect_error(done, "2 of 2 checks failed", "no accuracy is expected")
    done = built.make("accuracy", *settings, "DATASETS=faces gone", ok=False)
    expect_error(done, "data/gone.bin is missing")


def test_report_and_compare_through_make(built):
    built.make("report")
    assert built.folder.name.split("_")[0] in (built.root / "result/report.html").read_text()
    folder = built.folder.relative_to(built.root)
    assert "p = 1," in built.make("compare", f"A={folder}", f"B={folder}").stdout
    file = f"A={folder}/accuracy.json"
    expect_error(built.make("compare", file, f"B={folder}", ok=False), "is no folder", "result/")
    built.make("clean")
    assert not (built.root / "result/report.html").exists()
    assert not list((built.root / "result").glob("*.png"))
    assert not (built.root / "result/compare").exists()


def test_values_that_do_not_do_stop_at_once(project):
    for wrong in ("CHECK=2", "DATASETS=a;b", "A=a;b", "B=-x"):
        name = wrong.partition("=")[0]
        assert f"{name}=" in project.make("-n", "help", wrong, ok=False).stderr


def test_the_check_of_the_real_set(shared, project):
    """Only what would run: the figure itself is shown by the chain's own tests."""
    arguments = (f"DATA={shared}/lfw.bin", f"WEIGHTS={shared}/mobilefacenet.pth", "CHECK=1")
    said = project.make("-n", "accuracy", "NET=mobilefacenet", *arguments).stdout
    assert "python/check_accuracy.py result/mobilefacenet_lfw_openvino_fp32_bs16/" in said
    assert (PYTHON / "check_accuracy.py").exists()
