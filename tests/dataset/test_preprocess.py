"""Verification .bin -> crops, labels, repeats; and what happens to files that are none."""

import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from dataset import verification_bin
from dataset.crops import open_crops
from support.project import expect_error, run_module


def jpeg(shade: int, size: tuple[int, int] = (112, 112)) -> bytes:
    _, encoded = cv2.imencode(".jpg", np.full((*size, 3), shade, np.uint8))
    return encoded.tobytes()


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def preprocess(source: Path, folder: Path):
    products = [folder / "crops", folder / "unique.npy", folder / "list.npy"]
    options = zip(("--crops", "--unique-index", "--labels"), products, strict=True)
    result = run_module("preprocess", "--bin", source, *(x for pair in options for x in pair))
    if result.returncode:
        assert not any(path.exists() for path in products)
        assert not [p for p in folder.iterdir() if "tmp" in p.name]
    return result


def dump(path: Path, value: object, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


def test_pixels_of_the_real_set(shared: Path, tmp_path: Path):
    assert preprocess(shared / "lfw.bin", tmp_path).returncode == 0
    crops = open_crops(tmp_path / "crops")
    assert (crops.shape, crops.dtype) == ((12000, 3, 112, 112), np.uint8)
    golden = np.load(shared / "golden_pixels_lfw8.npz")["bgr"]
    assert (crops[:8].transpose(0, 2, 3, 1) == golden).all()
    labels = np.load(tmp_path / "list.npy")
    assert (labels.dtype, labels.shape, labels.sum()) == (bool, (6000,), 3000)
    # LFW's 6,000 pairs show 7,701 different pictures.
    assert len(np.unique(np.load(tmp_path / "unique.npy"))) == 7701


def test_channels_stay_bgr_and_repeats_are_found(tmp_path: Path):
    blue, red = np.zeros((2, 112, 112, 3), np.uint8)
    blue[..., 0], red[..., 2] = 255, 255
    others = [jpeg(shade) for shade in range(0, 180, 10)]
    value = ([png(blue), png(red), png(red), png(blue), *others], [True, False] * 5 + [True])
    assert preprocess(dump(tmp_path / "s.bin", value), tmp_path).returncode == 0
    crops = open_crops(tmp_path / "crops")[:]
    assert crops[0, :, 0, 0].tolist() == [255, 0, 0]
    assert crops[1, :, 0, 0].tolist() == [0, 0, 255]
    assert np.load(tmp_path / "unique.npy").tolist() == [0, 1, 1, 0, *range(4, 22)]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(([jpeg(1), jpeg(2)], [True]), id="bytes"),
        pytest.param(
            ([np.frombuffer(jpeg(s), np.uint8) for s in (1, 2)], np.array([True])), id="arrays"
        ),
        pytest.param([[jpeg(1), jpeg(2)], (np.bool_(True),)], id="list-and-scalar"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_forms_of_the_file(tmp_path: Path, value: object, protocol: int):
    pairs = verification_bin.read(dump(tmp_path / "s.bin", value, protocol))
    assert [bytes(image) for image in pairs.images] == [jpeg(1), jpeg(2)]
    assert pairs.issame.tolist() == [True]


def test_python2_strings(tmp_path: Path):
    image = jpeg(1)
    text = b"T" + len(image).to_bytes(4, "little") + image  # BINSTRING, as Python 2 writes bytes
    (tmp_path / "s.bin").write_bytes(b"\x80\x02](" + text + text + b"e]\x88a\x86.")
    assert verification_bin.read(tmp_path / "s.bin").images == [image, image]


def test_round_trip(tmp_path: Path):
    verification_bin.write(tmp_path / "s.bin", [jpeg(1), jpeg(2)], [True])
    assert pickle.loads((tmp_path / "s.bin").read_bytes(), encoding="bytes") == (  # noqa: S301
        [jpeg(1), jpeg(2)],
        [True],
    )


GOOD = [jpeg(1)] * 4


@pytest.mark.parametrize(
    ("value", "fragments"),
    [
        ("no pair", ["no (images, issame) pair"]),
        (([], []), ["not a list of images"]),
        ((GOOD, [True]), ["4 images but 1 labels"]),
        ((GOOD, [True, 2]), ["labels other than true and false"]),
        ((GOOD, 7), ["not a list of labels"]),
        (([*GOOD[:3], b"no image"], [True, True]), ["image 3 cannot be decoded"]),
        (([*GOOD[:3], b""], [True, True]), ["image 3 cannot be decoded"]),
        (([*GOOD[:2], 5, GOOD[0]], [True, True]), ["image 2 is a int"]),
        (([GOOD[0], jpeg(1, (112, 96)), *GOOD[:2]], [True, True]), ["image 1 is 96x112"]),
    ],
)
def test_malformed_sets(tmp_path: Path, value: object, fragments: list[str]):
    source = dump(tmp_path / "bad.bin", value)
    expect_error(preprocess(source, tmp_path), str(source), *fragments)


MANY = [jpeg(shade) for shade in range(0, 240, 6)]


@pytest.mark.parametrize(
    ("images", "labels", "fragment"),
    [
        (MANY[:18], [True, False] * 4 + [True], "has 9 pairs; the protocol's 10 folds need 10"),
        (MANY, [True] * 20, "all 20 pairs are of the same person"),
        (MANY, [False] * 20, "all 20 pairs are of different persons"),
        (MANY, [False] * 18 + [True] * 2, "same person are among pairs 18 to 19, one fold"),
        (MANY[:1] * 80, [True, False] * 20, "40 of 40 pairs show one picture twice"),
        (MANY[:2] * 40, [True, False] * 20, "only 1 of its 40 pairs are different"),
        # The order within a pair is no difference.
        (
            (MANY[:18] + MANY[17::-1]) * 2,
            [True, False] * 18,
            "only 9 of its 36 pairs",
        ),
    ],
)
def test_sets_that_no_network_can_be_scored_on(tmp_path: Path, images, labels, fragment):
    source = dump(tmp_path / "bad.bin", (images, labels))
    expect_error(preprocess(source, tmp_path), str(source), fragment)


def test_not_a_pickle(tmp_path: Path):
    source = tmp_path / "bad.bin"
    for content in (b"", b"\x00garbage", b"\x89PNG\r\n", b"\x80\x02"):
        source.write_bytes(content)
        expect_error(preprocess(source, tmp_path), str(source), "verification .bin")


def test_truncated(tmp_path: Path):
    whole = pickle.dumps((GOOD, [True, True]), protocol=2)
    source = tmp_path / "bad.bin"
    source.write_bytes(whole[: len(whole) // 2])
    expect_error(preprocess(source, tmp_path), str(source), "get a fresh copy")


def test_missing_file(tmp_path: Path):
    expect_error(preprocess(tmp_path / "none.bin", tmp_path), "none.bin", "No such file")


class Bomb:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_nothing_is_executed(tmp_path: Path):
    source = dump(tmp_path / "bad.bin", (GOOD, [Bomb(tmp_path / "executed"), True]))
    expect_error(preprocess(source, tmp_path), str(source), "system")
    assert not (tmp_path / "executed").exists()
