"""Pairs file and aligned faces -> .bin that this chain and the reference's loader read alike."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import ChainError
from dataset import verification_bin
from dataset.pairs_file import Pair, read_pairs
from support.project import Project, expect_error, run_module

SAME, DIFFERENT = "Ann_Lee\t1\t2", "Ann_Lee\t2\tBo\t1"


def write_faces(folder: Path, side: int = 112) -> dict[str, bytes]:
    """Write Ann_Lee_0001.jpg, Ann_Lee_0002.png and Bo_0001.jpg; return their bytes."""
    random = np.random.default_rng(1)
    written = {}
    for name in ("Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee/Ann_Lee_0002.png", "Bo/Bo_0001.jpg"):
        pixels = random.integers(0, 256, (side, side, 3), np.uint8)
        content = cv2.imencode(Path(name).suffix, pixels)[1].tobytes()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        written[Path(name).stem] = content
    return written


def make(folder: Path, lines: list[str]):
    (folder / "pairs.txt").write_text("\n".join(lines) + "\n")
    arguments = ("--images", folder, "--pairs", folder / "pairs.txt", "--out", folder / "set.bin")
    return run_module("make_bin", *arguments)


@pytest.mark.parametrize(
    "lines",
    [
        [SAME, DIFFERENT],
        ["1\t1", SAME, DIFFERENT],
        ["1", SAME, DIFFERENT],
        ["2", SAME, DIFFERENT, ""],
        [SAME.replace("\t", " "), DIFFERENT.replace("\t", "  ")],
    ],
)
def test_both_line_forms_and_headers(lines: list[str], tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text("\n".join(lines))
    assert read_pairs(tmp_path / "pairs.txt") == [
        Pair(("Ann_Lee", 1), ("Ann_Lee", 2), True),
        Pair(("Ann_Lee", 2), ("Bo", 1), False),
    ]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([SAME, "Ann_Lee 1"], "line 2"),
        (["Ann_Lee one 2"], "line 1"),
        (["../secret 1 2"], "not a folder's name"),
        (["10 300", SAME], "promises 6000 pairs"),
        ([], "no pairs"),
    ],
)
def test_malformed_pairs_files(lines: list[str], reason: str, tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text("\n".join(lines))
    with pytest.raises(ChainError, match=reason):
        read_pairs(tmp_path / "pairs.txt")


def test_the_reference_reads_what_is_written(tmp_path: Path) -> None:
    faces = write_faces(tmp_path)
    result = make(tmp_path, ["1 1", DIFFERENT, SAME])
    assert result.returncode == 0, result.stderr
    expected = [faces[f] for f in ("Ann_Lee_0002", "Bo_0001", "Ann_Lee_0001", "Ann_Lee_0002")]
    ours = verification_bin.read(tmp_path / "set.bin")
    assert ours.images == expected and ours.issame.tolist() == [False, True]
    # As the reference's loader opens it.
    with (tmp_path / "set.bin").open("rb") as file:
        images, issame = pickle.load(file, encoding="bytes")  # noqa: S301
    assert images == expected and issame == [False, True]
    assert (tmp_path / "set.bin").read_bytes()[:2] == b"\x80\x02"


def test_images_at_fault_are_named(tmp_path: Path) -> None:
    write_faces(tmp_path)
    expect_error(make(tmp_path, ["Cy 1 2"]), "Cy/Cy_0001")
    (tmp_path / "Bo/Bo_0001.png").write_bytes(b"x")
    expect_error(make(tmp_path, [DIFFERENT]), "several", "Bo_0001")
    (tmp_path / "Bo/Bo_0001.jpg").unlink()
    expect_error(make(tmp_path, [DIFFERENT]), "Bo/Bo_0001.png is no whole JPEG, PNG, BMP or WebP")
    for side, what in ((160, "a crop of 160x160; resize"), (250, "250x250, a whole photograph")):
        write_faces(tmp_path, side)
        expect_error(make(tmp_path, [SAME]), f"Ann_Lee_0001.jpg is {what}", "ALIGN=1")
    assert not (tmp_path / "set.bin").exists()


def test_make_bin_keeps_an_unchanged_set(project: Project) -> None:
    write_faces(project.root / "faces")
    (project.root / "pairs.txt").write_text(f"{SAME}\n{DIFFERENT}\n")
    arguments = ("bin", "SRC=faces", "PAIRS=pairs.txt")
    project.make(*arguments)
    made = (project.root / "data/faces.bin").stat().st_mtime_ns
    project.make(*arguments)
    assert (project.root / "data/faces.bin").stat().st_mtime_ns == made
    project.make(*arguments, "OUT=other.bin")
    assert (project.root / "other.bin").exists()
    failed = project.make("bin", "PAIRS=pairs.txt", ok=False)
    assert "SRC=" in failed.stderr
