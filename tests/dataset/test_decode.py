"""An image's header is believed before anything is decoded, and only for 112x112."""

import struct
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import ChainError
from dataset import image_header, verification_bin
from dataset.decode import decode

PIXELS = np.random.default_rng(5).integers(0, 256, (112, 112, 3), np.uint8)


def encode(suffix: str, pixels: np.ndarray = PIXELS, *options: int) -> bytes:
    return cv2.imencode(suffix, pixels, options)[1].tobytes()


def claiming(data: bytes, width: int, height: int) -> bytes:
    """Return the JPEG or PNG ``data`` with another size in its header."""
    if data[:2] == b"\xff\xd8":
        at = next(i for i in range(len(data)) if data[i : i + 2] in (b"\xff\xc0", b"\xff\xc2"))
        return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]
    header = struct.pack(">II", width, height) + data[24:29]
    return data[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + data[33:]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_huge_claim_is_refused_before_decoding(
    suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = claiming(encode(suffix), 30000, 30001)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ChainError, match="image 3 is 30000x30001; align"):
        decode(data, 3, Path("set.bin"))


def test_sizes_of_every_kind_of_jpeg() -> None:
    pixels = np.zeros((50, 70, 3), np.uint8)
    for options in ([], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 4]):
        data = encode(".jpg", pixels, *options)
        assert image_header.size(data) == (70, 50)
        # Fill bytes, a comment and stray bytes before the first segment.
        padded = data[:2] + b"\xff\xff\xfe\x00\x06abcd" + b"\x00\x01" + data[2:]
        assert image_header.size(padded) == (70, 50)
    assert image_header.size(encode(".png", pixels)) == (70, 50)


def test_headers_cut_anywhere_have_no_size() -> None:
    for data in (encode(".jpg"), encode(".png")):
        sizes = {image_header.size(data[:n]) for n in range(700)}
        assert sizes <= {None, (112, 112)}
    assert image_header.size(encode(".bmp")) is None


def test_chunks_that_claim_more_than_there_is() -> None:
    data = encode(".png")
    at = data.index(b"IDAT") - 4
    assert image_header.size(data) == (112, 112)
    for claim in (b"\xa2\0\0\0", b"\0\x01\0\0"):
        assert image_header.size(data[:at] + claim + data[at + 4 :]) is None
    animated = struct.pack(">I", 8) + b"acTL" + bytes(12)
    assert image_header.size(data[:33] + animated + data[33:]) is None
    assert image_header.size(data[:33] + data[8:]) is None  # two headers


def test_both_containers_decode_to_the_same_pixels() -> None:
    data = encode(".png")
    for image in (data, np.frombuffer(data, np.uint8)):
        assert np.array_equal(decode(image, 0, Path("x")), PIXELS.transpose(2, 0, 1))
    for image in ("text", 1, np.zeros(3, bool), encode(".bmp"), data[:100], b""):
        with pytest.raises(ChainError, match="image 7"):
            decode(image, 7, Path("x"))


@pytest.mark.parametrize("claim", ["bytes", "array"])
def test_ten_billion_images_in_100_mb_are_refused_early(claim: str, tmp_path: Path) -> None:
    size = 100 << 20
    if claim == "bytes":
        head = b"\x80\x04](\x8e" + struct.pack("<Q", 10**10)
    else:
        head = (
            b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R"
            b"(K\x01\x8a\x08" + (10**10).to_bytes(8, "little") + b"\x85cnumpy\ndtype\n"
            b"U\x02u1K\0K\x01\x87R\x89T" + struct.pack("<I", size)
        )
    path = tmp_path / "set.bin"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
        file.seek(0, 2)
        file.write(b"tb]\x86.")
    tracemalloc.start()
    try:
        with pytest.raises(ChainError, match="claims"):
            verification_bin.read(path)
        assert tracemalloc.get_traced_memory()[1] < 2.5 * size
    finally:
        tracemalloc.stop()
