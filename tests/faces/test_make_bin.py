"""make bin ALIGN=1 on photographs with somebody else's landmarks: needs no detector."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from common.machine import usable_cpus
from dataset import verification_bin
from faces.alignment import crop
from support.project import PYTHON, Project, expect_error, run_module

PHOTOGRAPH = np.ascontiguousarray(astronaut()[..., ::-1])
# Read off the photograph.
POINTS = np.array([(203, 101), (248, 103), (224, 127), (207, 142), (242, 142)], float)


def line(name: str, points: np.ndarray = POINTS) -> str:
    return f"{name} {' '.join(map(str, points.ravel()))}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one.png, its mirror image "the other.jpg", and landmarks of both in points."""
    cv2.imwrite(str(tmp_path / "one.png"), PHOTOGRAPH)
    cv2.imwrite(str(tmp_path / "the other.jpg"), PHOTOGRAPH[:, ::-1])
    (tmp_path / "pairs.csv").write_text("one.png,the other.jpg,1\none.png,one.png,0\n")
    (tmp_path / "points").write_text(line("one.png") + line("the other.jpg", mirrored(POINTS)))
    return tmp_path


def mirrored(points: np.ndarray) -> np.ndarray:
    return ((511, 0) + points * (-1, 1))[[1, 0, 2, 4, 3]]


def make(folder: Path, *options: object) -> subprocess.CompletedProcess:
    arguments = ("--images", folder, "--pairs", folder / "pairs.csv", "--out", folder / "set.bin")
    return run_module("make_bin", *arguments, "--landmarks", folder / "points", *options)


def test_crops_are_stored_without_loss(folder: Path) -> None:
    done = make(folder)
    assert (done.returncode, done.stderr) == (0, "")
    pairs = verification_bin.read(folder / "set.bin")
    assert pairs.issame.tolist() == [True, False]
    one, other, *again = (cv2.imdecode(np.frombuffer(e, np.uint8), 1) for e in pairs.images)
    assert np.array_equal(one, crop(PHOTOGRAPH, POINTS))
    assert all(np.array_equal(picture, one) for picture in again)
    assert all(encoded[:4] == b"\x89PNG" for encoded in pairs.images)
    # The mirror image's crop is nearly the crop's mirror image: the template is not symmetric.
    assert np.abs(other[:, ::-1].astype(int) - one).mean() < 20
    assert len(set(pairs.images)) == 2


@pytest.mark.parametrize(
    ("points", "reasons"),
    [
        (line("one.png", POINTS + 300), ("points, line 1", "outside of", "one.png", "512x512")),
        (line("one.png", POINTS * (-1, 1)), ("points, line 1", "exchanged|outside")),
        (line("one.png", 0 * POINTS + 9), ("points, line 1", "five points lie on one spot")),
        (line("none.png"), ("has no line for 1 of 2", "one.png", "MISSING=skip")),
        (line("one.png") * 2, ("points, line 2", "came before")),
        ("one.png 1 2 3\n", ("points, line 1", "ten numbers")),
    ],
)
def test_bad_landmarks(points: str, reasons: tuple, folder: Path) -> None:
    (folder / "points").write_text(points + line("the other.jpg", mirrored(POINTS)))
    done = make(folder)
    expect_error(done)
    for reason in reasons:
        assert any(part in done.stderr for part in reason.split("|")), done.stderr
    assert not list(folder.glob("*.bin")) and not list(folder.glob(".*"))


def test_missing_ones_are_left_out_where_told(folder: Path) -> None:
    (folder / "points").write_text(line("one.png"))
    done = make(folder, "--skip-missing")
    assert done.returncode == 0, done.stderr
    assert "has no line for 1 of 2 photographs" in done.stderr and "the other.jpg" in done.stderr
    assert "1 pairs, 0 of one person; 1 left out" in done.stdout
    assert verification_bin.read(folder / "set.bin").issame.tolist() == [False]
    (folder / "points").write_text(line("nobody.png"))
    expect_error(make(folder, "--skip-missing"), "nothing is left")


def test_bad_pictures_are_told_through_the_door(folder: Path) -> None:
    whole = (folder / "the other.jpg").read_bytes()
    (folder / "the other.jpg").write_bytes(whole[: len(whole) // 2])
    expect_error(make(folder), "the other.jpg cannot be decoded")
    frames = [PHOTOGRAPH[:64, :64], PHOTOGRAPH[64:128, :64]]
    animation = cv2.Animation()
    animation.frames, animation.durations = frames, [100, 100]
    assert cv2.imwriteanimation(str(folder / "a.webp"), animation)
    (folder / "a.webp").rename(folder / "the other.jpg")
    expect_error(make(folder), "the other.jpg is an animated WebP")
    assert not (folder / "set.bin").exists()


def test_the_set_does_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    if usable_cpus() < 2:
        pytest.skip("needs two processors")
    for k in range(150):
        cv2.imwrite(str(tmp_path / f"{k}.jpg"), PHOTOGRAPH[:240, k + 20 : k + 260])
    lines = (line(f"{k}.jpg", POINTS - np.array([k + 20, 0])) for k in range(150))
    (tmp_path / "points").write_text("".join(lines))
    pairs = "".join(f"{k}.jpg,{(k + 7) % 150}.jpg,{k % 2}\n" for k in range(150))
    (tmp_path / "pairs.csv").write_text(pairs)
    processors = os.sched_getaffinity(0)
    made = []
    for chosen in (processors, {min(processors)}):
        command = [sys.executable, PYTHON / "make_bin.py", "--images", tmp_path]
        command += ["--pairs", tmp_path / "pairs.csv", "--landmarks", tmp_path / "points"]
        done = subprocess.run(
            ["taskset", "-c", ",".join(map(str, chosen)), *command, "--out", tmp_path / "set.bin"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        made.append((tmp_path / "set.bin").read_bytes())
    assert made[0] == made[1]
    # Of several faulty pictures the first is named, whichever process finds one first.
    (tmp_path / "149.jpg").write_bytes(b"")
    (tmp_path / "3.jpg").write_bytes(b"")
    expect_error(make(tmp_path), "3.jpg is no whole")
    assert "149.jpg" not in make(tmp_path).stderr


def test_variables_of_photographs_through_make(project: Project, folder: Path) -> None:
    pairs = f"PAIRS={folder}/pairs.csv"
    given = ("bin", f"SRC={folder}", pairs, "OUT=data/set.bin", f"LANDMARKS={folder}/points")
    project.make(*given, "ALIGN=1")
    assert len(verification_bin.read(project.root / "data/set.bin").images) == 4
    for arguments, reason in (
        (given, "does nothing without ALIGN=1"),
        ((*given, "ALIGN=1", f"DETECTOR={folder}/one.png"), "leave one of them out"),
        (("bin", "MISSING=skip"), "MISSING=skip does nothing without ALIGN=1"),
        (("bin", "DETECTOR=x"), "DETECTOR=x does nothing without ALIGN=1"),
        (("bin", "ALIGN=1", "DETECTOR=x"), "the detector x is missing"),
        (("bin", "ALIGN=1", "LANDMARKS=x"), "LANDMARKS=x is missing"),
        (("bin", "ALIGN=1", "MISSING=all"), "choose one of: skip"),
        (("verify", "ALIGN=1", f"LANDMARKS={folder}/points"), "it is for make bin"),
        (("accuracy", "ALIGN=1"), "ALIGN=1 does nothing here"),
        (("accuracy", f"DATA={folder}"), f"make bin SRC={folder} PAIRS=pairs.txt, and ALIGN=1"),
    ):
        expect_error(project.make(*arguments, ok=False), reason)
