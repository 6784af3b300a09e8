"""Pairs files as people write them: two forms, marks and line ends, any name in any locale."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import ChainError
from dataset import pairs_file, verification_bin
from dataset.pairs_file import Pair, read_pairs
from support.project import PYTHON, expect_error

FACE = cv2.imencode(".png", np.full((112, 112, 3), 90, np.uint8))[1].tobytes()


def written(folder: Path, content: bytes) -> Path:
    (folder / "pairs").write_bytes(content)
    return folder / "pairs"


@pytest.mark.parametrize("line", [b"a 1 2\n", b"a.png,b.png,1\n", b"a.png,b.png,1\r", b"\n"])
def test_more_pairs_than_a_set_can_hold_are_refused(line: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, line * (pairs_file.MOST_LINES + 1))
    with pytest.raises(ChainError, match="has more than 1,000,000 lines; split it"):
        read_pairs(path)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_marks_and_line_ends(mark: bytes, end: bytes, tmp_path: Path) -> None:
    lfw = end.join([b"1 1", b"Ann Lee\t1\t2", b"Ann Lee\t2\tBo\t1", b""])
    assert read_pairs(written(tmp_path, mark + lfw)) == [
        Pair(("Ann Lee", 1), ("Ann Lee", 2), True),
        Pair(("Ann Lee", 2), ("Bo", 1), False),
    ]
    table = end.join([b"a,b,same", b'"x, y/1.jpg",./x/2.png,1', b"", b"x/2.png, b.bmp, 0", b""])
    for lines in (table, table.partition(end)[2]):
        assert read_pairs(written(tmp_path, mark + lines)) == [
            Pair("x, y/1.jpg", "x/2.png", True),
            Pair("x/2.png", "b.bmp", False),
        ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a.jpg,b.jpg,1\na.jpg,../b.jpg,0\n", "line 2: '../b.jpg' is not a path below"),
        (b"/a.jpg,b.jpg,1\n", "line 1: '/a.jpg' is not a path below"),
        (b"a.jpg,,1\n", "line 1: '' is not a path below"),
        (b"a.jpg,b.jpg,yes\n", "line 1: write"),
        (b"one,two,same\nfirst,second,yes\n", "line 2: write"),
        (b"a.jpg,b.jpg\n", "line 1: write"),
        (b'a.jpg,"b.jpg,1\nc', "is not CSV; check its quotation marks"),
        (b"one,two,same\n", "holds no pairs"),
        ("Bo 1 2".encode("utf-16"), "not text in UTF-8"),
        (b"Bo 1 " + b"9" * 5000, "line 1: write"),
        ("Bo ² 1".encode(), "line 1: write"),
    ],
)
def test_faults_are_named_with_their_line(content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ChainError, match=reason):
        read_pairs(written(tmp_path, content))


def test_suffixes_in_either_case(tmp_path: Path) -> None:
    (tmp_path / "Bo").mkdir()
    for number, suffix in enumerate([".jpg", ".JPEG", ".Png", ".BMP", ".webp"], 1):
        path = tmp_path / f"Bo/Bo_{number:04d}{suffix}"
        path.touch()
        pair = Pair(("Bo", number), f"Bo/{path.name}", True)
        assert pairs_file.find(tmp_path, [pair]) == {pair.first: path, pair.second: path}
    for lacking in (("Bo", 6), ("Cy", 1), "Bo/none.jpg"):
        with pytest.raises(ChainError, match="there is no"):
            pairs_file.find(tmp_path, [Pair(lacking, lacking, True)])


@pytest.mark.parametrize(
    "locale", [{}, {"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}]
)
@pytest.mark.parametrize("utf8", ["0", "1"])
@pytest.mark.parametrize("name", ["José Núñez 王".encode(), "José".encode("latin-1")])
@pytest.mark.parametrize("form", ["lfw", "csv"])
def test_names_in_any_locale(name: bytes, form: str, utf8: str, locale: dict, tmp_path) -> None:
    first, second = (tmp_path / os.fsdecode(name + b"/" + name + b"_000%d.png" % k) for k in (1, 2))
    first.parent.mkdir()
    first.write_bytes(FACE)
    second.write_bytes(FACE)
    path = name + b"/" + name + b"_000%d.png"
    lines = name + b"\t1\t2\n" if form == "lfw" else path % 1 + b"," + path % 2 + b",1\n"
    pairs, out = written(tmp_path, lines), tmp_path / "set.bin"
    command = [sys.executable, PYTHON / "make_bin.py", "--images", tmp_path, "--pairs", pairs]

    def run():
        return subprocess.run(
            [*command, "--out", out],
            env=os.environ | locale | {"PYTHONUTF8": utf8},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    done = run()
    assert done.returncode == 0, done.stderr
    assert verification_bin.read(out).images == [FACE, FACE]
    out.unlink()
    second.write_bytes(FACE[:50])
    expect_error(run(), "_0002.png is no whole JPEG")
    assert not out.exists()
