"""Landmarks files: how numbers and names are separated, and what is refused with its line."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import ChainError
from faces import landmarks_file
from faces.alignment import TEMPLATE

TEN = [f"{value:.4f}" for value in TEMPLATE.ravel()]
BLANKS, TABS, COMMAS = " ".join(TEN), "\t".join(TEN), ",".join(TEN)


def read(folder: Path, content: str, encoding: str = "utf-8"):
    (folder / "points").write_bytes(content.encode(encoding))
    return landmarks_file.read(folder / "points")


def test_names_and_separators(tmp_path: Path) -> None:
    lines = [
        f"Bo/Bo_0001.jpg {BLANKS}",
        f"  with  blanks, and a comma 2.jpg\t{TABS}  ",
        f"a,b.png,{COMMAS}",
        f'"José 1.png", {", ".join(TEN)}',
        f"./under/2.png;{BLANKS}".replace(";", "   "),
        "",
    ]
    for end in ("\n", "\r\n"):
        found = read(tmp_path, end.join(lines), "utf-8-sig")
        assert list(found) == [
            "Bo/Bo_0001.jpg",
            "with  blanks, and a comma 2.jpg",
            "a,b.png",
            "José 1.png",
            "under/2.png",
        ]
        assert all(np.allclose(entry.points, TEMPLATE) for entry in found.values())
        assert found["a,b.png"].where.endswith("points, line 3")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"a.png {BLANKS}\nb.png {' '.join(TEN[1:])}\n", "line 2: write a path"),
        (f"a.png {' '.join(TEN[1:])} nan", "line 1: write a path"),
        (f"a.png {' '.join(TEN[1:])} 1e999", "line 1: write a path"),
        (f"a.png {' '.join(TEN[1:])} one", "line 1: write a path"),
        (BLANKS, "line 1: write a path"),
        ("name,x,y", "line 1: write a path"),
        ("\n", "holds no landmarks"),
        (f"../a.png {BLANKS}", "line 1: '../a.png' is not a path below"),
        (f"a.png {BLANKS}\n./a.png {BLANKS}", "line 2: a.png came before, in .*line 1"),
    ],
)
def test_faults_are_named_with_their_line(content: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ChainError, match=reason):
        read(tmp_path, content)


def test_left_and_right_of_the_person_are_noticed(tmp_path: Path) -> None:
    order = [1, 0, 2, 4, 3]
    exchanged = " ".join(f"{value:.4f}" for value in TEMPLATE[order].ravel())
    with pytest.raises(ChainError, match="exchanged in 2 of 3 lines"):
        read(tmp_path, f"a {BLANKS}\nb {exchanged}\nc {exchanged}")
    assert len(read(tmp_path, f"a {BLANKS}\nb {exchanged}")) == 2  # a profile may look so
    upside_down = " ".join(f"{value:.4f}" for value in (112 - TEMPLATE).ravel())
    assert len(read(tmp_path, f"a {upside_down}")) == 1
