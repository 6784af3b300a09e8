"""Photographs of every kind come out upright, in colour and in 8 bits; what is none is refused."""

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from common.errors import ChainError
from dataset import photograph
from support.project import expect_error, run_module

COLOURS = np.ascontiguousarray(astronaut()[::4, ::2, ::-1])  # BGR, 128 rows of 256


def write(path: Path, pixels: np.ndarray = COLOURS) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_lossless_forms(suffix: str, tmp_path: Path) -> None:
    read = photograph.read(write(tmp_path / f"a{suffix}"))
    assert np.array_equal(read.pixels, COLOURS)
    assert read.content == (tmp_path / f"a{suffix}").read_bytes()
    grey = COLOURS[..., 1]
    read = photograph.read(write(tmp_path / f"grey{suffix}", grey))
    assert np.array_equal(read.pixels, np.dstack([grey] * 3))
    alpha = np.dstack([COLOURS, np.zeros_like(grey)])
    assert np.array_equal(
        photograph.read(write(tmp_path / f"alpha{suffix}", alpha)).pixels, COLOURS
    )


def test_lossy_forms_and_16_bits(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.JPEG", "a.webp"):
        read = photograph.read(write(tmp_path / name)).pixels
        assert read.shape == COLOURS.shape and np.abs(read.astype(int) - COLOURS).mean() < 6
    deep = COLOURS.astype(np.uint16) * 256 + 255
    assert np.array_equal(photograph.read(write(tmp_path / "deep.png", deep)).pixels, COLOURS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
def test_a_photograph_is_turned_as_its_exif_says(kind: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the rows are columns
    lying = Image.fromarray(np.ascontiguousarray(np.rot90(COLOURS)[..., ::-1]))
    lying.save(tmp_path / "a", kind, exif=exif.tobytes())
    read = photograph.read(tmp_path / "a").pixels
    assert read.shape == COLOURS.shape and np.abs(read.astype(int) - COLOURS).mean() < 6


def test_what_is_no_picture_is_refused_in_one_sentence(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.jpg").read_bytes()
    other = Image.fromarray(COLOURS[::-1])
    made = {}
    for kind in ("PNG", "WebP", "GIF"):
        file = io.BytesIO()
        Image.fromarray(COLOURS).save(file, kind, save_all=True, append_images=[other])
        made[kind] = file.getvalue()
    cases = {
        "is an animated PNG": made["PNG"],
        "is an animated WebP": made["WebP"],
        "is no whole JPEG": made["GIF"],
        "cannot be decoded": whole[: len(whole) // 2],
        "no whole": b"",
    }
    for reason, content in cases.items():
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(ChainError, match=f"bad {reason}|bad is {reason}"):
            photograph.read(tmp_path / "bad")
    for missing in (1, 2, 3, 100):
        (tmp_path / "bad").write_bytes(whole[:-missing])
        with pytest.raises(ChainError, match="bad cannot be decoded"):
            photograph.read(tmp_path / "bad")


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    at = (whole := write(tmp_path / "a.jpg").read_bytes()).index(b"\xff\xc0")
    for width, height in ((20000, 20000), (40000, 10)):
        (tmp_path / "a.jpg").write_bytes(
            whole[: at + 5] + struct.pack(">HH", height, width) + whole[at + 9 :]
        )
        with pytest.raises(ChainError, match=f"a.jpg is {width}x{height}, and at most 67 million"):
            photograph.read(tmp_path / "a.jpg")


def test_a_picture_of_20000_pixels_through_the_door(tmp_path: Path) -> None:
    """One is decoded and has no face, the other is refused; both as a process."""
    (tmp_path / "pairs.csv").write_text("a.png,a.png,1\n")
    points = "a.png 9900 900 10100 900 10000 1000 9900 1100 10100 1100\n"
    (tmp_path / "points.txt").write_text(points)
    arguments = ("--images", tmp_path, "--pairs", tmp_path / "pairs.csv")
    arguments += ("--landmarks", tmp_path / "points.txt", "--out", tmp_path / "set.bin")
    Image.new("L", (20000, 20000)).save(tmp_path / "a.png", compress_level=1)
    expect_error(run_module("make_bin", *arguments), "a.png is 20000x20000", "shrink the picture")
    assert not (tmp_path / "set.bin").exists()
    Image.new("L", (20000, 2000)).save(tmp_path / "a.png", compress_level=1)
    done = run_module("make_bin", *arguments)
    assert done.returncode == 0, done.stderr
