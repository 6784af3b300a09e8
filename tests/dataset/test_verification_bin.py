"""The verification .bin: every form it comes in is read, every other content is refused."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from common.errors import ChainError
from dataset import verification_bin
from support.hostile import HOSTILE

IMAGES = [b"\xff\xd8first\n", bytes(range(256)) * 2, b"\x89PNG", b"'quoted'"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("labels", [list, np.array, lambda x: [np.bool_(s) for s in x]])
def test_reads_every_form(tmp_path: Path, protocol: int, labels) -> None:
    images = [IMAGES[0], np.frombuffer(IMAGES[1], np.uint8), *IMAGES[2:]]
    path = tmp_path / "set.bin"
    path.write_bytes(pickle.dumps((images, labels([True, False])), protocol=protocol))
    pairs = verification_bin.read(path)
    assert [bytes(i) for i in pairs.images] == IMAGES
    assert pairs.issame.tolist() == [True, False]


def test_reads_what_python_2_writes() -> None:
    # Its cPickle at protocol 2: byte strings as BINSTRING, the memo counted from one.
    data = b"\x80\x02]q\x01(T\x02\0\0\0\xff\xd8q\x02U\x01bq\x03e]q\x04\x88a\x86q\x05."
    pairs = verification_bin.parse(data, Path("x"))
    assert pairs.images == [b"\xff\xd8", b"b"] and pairs.issame.tolist() == [True]


def test_reads_arrays_of_python_2() -> None:
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nK\0\x85U\x01b\x87R"
        b"(K\x01K\x03\x85cnumpy\ndtype\nU\x02u1K\0K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\0tb\x89U\x03abctb"
    )
    data = b"\x80\x02](" + array + b"U\x01xe]I01\na\x86."
    pairs = verification_bin.parse(data, Path("x"))
    assert pairs.images[0].tobytes() == b"abc" and pairs.images[1] == b"x"


def test_an_image_listed_often_is_kept_once() -> None:
    image = np.frombuffer(IMAGES[1], np.uint8)
    pairs = verification_bin.parse(pickle.dumps(([image] * 1000, [True] * 500)), Path("x"))
    assert len({id(i) for i in pairs.images}) == 1


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_refuses(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data, reason = HOSTILE[name]
    with pytest.raises(ChainError, match=reason):
        verification_bin.parse(data, Path("hostile.bin"))
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_huge_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification_bin, "LARGEST", 1 << 20)
    path = tmp_path / "huge.bin"
    path.write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(ChainError, match="larger than"):
        verification_bin.read(path)


def test_agrees_with_pickle_on_lfw(shared: Path) -> None:
    pairs = verification_bin.read(shared / "lfw.bin")
    with (shared / "lfw.bin").open("rb") as file:
        images, issame = pickle.load(file, encoding="bytes")  # noqa: S301
    assert pairs.images == images and pairs.issame.tolist() == issame
