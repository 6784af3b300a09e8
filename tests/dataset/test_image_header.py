"""Headers of the formats that photographs come in: true of real files, and none of damaged ones."""

import io
import json
import os
import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from dataset import image_header
from dataset.image_header import Header
from support.project import PYTHON, ROOT

PIXELS = np.random.default_rng(3).integers(0, 256, (50, 71, 3), np.uint8)
FILES = 20_000


def saved(kind: str, mode: str = "RGB", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(file, kind, **options)
    return file.getvalue()


MODES = {
    "JPEG": ("RGB", "L", "1", "CMYK"),
    "PNG": ("RGB", "L", "P", "1", "RGBA"),
    "BMP": ("RGB", "L", "P", "1", "RGBA"),
    "WebP": ("RGB", "L", "P", "1", "RGBA", "CMYK"),
}


@pytest.mark.parametrize(("kind", "mode"), [(k, mode) for k in MODES for mode in MODES[k]])
def test_sizes_are_those_of_another_library(kind: str, mode: str) -> None:
    data = saved(kind, mode)
    assert image_header.read(data) == Header(kind, 71, 50)
    assert image_header.size(data) == ((71, 50) if kind in ("JPEG", "PNG") else None)


def test_each_kind_of_webp() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for options in ({}, {"lossless": True}, {"exif": exif.tobytes()}):
        assert image_header.read(saved("WebP", **options)) == Header("WebP", 71, 50)


@pytest.mark.parametrize("kind", ["PNG", "WebP"])
def test_an_animation_is_told(kind: str) -> None:
    data = saved(kind, save_all=True, append_images=[Image.fromarray(PIXELS[::-1])])
    assert image_header.read(data) == Header(kind, 71, 50, animated=True)
    assert image_header.size(data) is None
    if kind == "WebP":  # frames behind a header that denies them
        still = data[:20] + bytes([data[20] & ~2]) + data[21:]
        assert image_header.read(still).animated


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WebP"])
def test_a_file_cut_anywhere_has_no_header(kind: str) -> None:
    data = saved(kind)
    assert {image_header.read(data[:n]) for n in range(0, len(data) - 1)} == {None}


def test_claims_that_do_not_fit() -> None:
    bmp = saved("BMP")
    for at, value in ((18, -71), (18, 30000), (22, 30000), (30, 1), (14, 12), (10, 1 << 31)):
        assert (
            image_header.read(bmp[:at] + struct.pack("<I", value & 0xFFFFFFFF) + bmp[at + 4 :])
            is None
        )
    upside_down = bmp[:22] + struct.pack("<i", -50) + bmp[26:]
    assert image_header.read(upside_down) == Header("BMP", 71, 50)
    webp = saved("WebP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")
    larger = webp[:24] + b"\xff\xff\xff" + webp[27:]  # a canvas that the picture does not fill
    assert webp[12:16] == b"VP8X" and image_header.read(webp) and image_header.read(larger) is None


def test_scans_of_a_jpeg_are_counted() -> None:
    data = saved("JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    scans = data.count(b"\xff\xda")
    most = image_header.LARGEST_SCANS - scans
    # Pictures follow pictures in a file, and a camera's thumbnail is one inside a segment.
    behind = b"\xff\xd9" + 200 * last
    inside = b"\xff\xe1" + struct.pack(">H", 2 + 50 * len(last[:14])) + 50 * last[:14]
    for content in (data, data[:-2] + most * last + behind, data[:2] + 3 * inside + data[2:]):
        assert image_header.read(content) == Header("JPEG", 71, 50)
    for more in (1, 10_000):
        assert image_header.read(data[:-2] + (most + more) * last + behind) is None


def test_mutated_pictures() -> None:
    environment = os.environ | {"PYTHONPATH": f"{PYTHON}:{ROOT / 'tests'}"}
    command = [sys.executable, str(ROOT / "tests/support/fuzz_pictures.py"), str(FILES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    # Some mutations must be harmless, or the run has tested nothing but the first bytes.
    assert figures["read"] > FILES / 20 and figures["refused"] > FILES / 4
    assert figures["peak"] < 768 << 20
    assert cv2.imdecode(np.frombuffer(saved("WebP"), np.uint8), 1).shape == (50, 71, 3)
