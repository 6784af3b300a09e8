"""Pairs files: LFW's form, or a CSV of two paths and 0 or 1.

In LFW's form a pair of one person is `name n1 n2`, one of two persons `name1 n1 name2 n2`, the
words separated by tabs or blanks; the files are <name>/<name>_0001.jpg and so on, numbered with
four digits. A first line of one or two numbers (pairs of a kind; or folds, and pairs of a kind in
each) is held against the number of pairs.

A file whose first line has a comma and no tab is a CSV. Its lines are `path,path,1` for one person
and `path,path,0` for two, the paths below the folder of pictures; a first line without pictures
is a heading.
"""

import csv
import io
import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from common.errors import ChainError
from dataset import text_file
from dataset.photograph import SUFFIXES

# A person's name and number, or a path below the folder of pictures.
Picture = tuple[str, int] | str
# More faces do not fit into a verification .bin, which would leave each 2 kB.
MOST_LINES = 1_000_000
_FORMS = "'name n1 n2' or 'name1 n1 name2 n2', or in a CSV 'path,path,1' or 'path,path,0'"


class Pair(NamedTuple):
    """Two pictures, and whether they show one person."""

    first: Picture
    second: Picture
    same: bool


def read_pairs(path: Path) -> list[Pair]:
    """Return the pairs in ``path`` in their order.

    Raises ``ChainError`` naming the line that has no form of a pair, where the header promises
    another number of pairs, and for more than ``MOST_LINES`` lines.
    """
    text = text_file.read(path)
    if max(text.count(end) for end in "\r\n") > MOST_LINES:
        raise ChainError(f"{path} has more than {MOST_LINES:,} lines; split it.")
    first = text.lstrip().partition("\n")[0]
    pairs = _csv_pairs(text, path) if "," in first and "\t" not in first else _lfw(text, path)
    if not pairs:
        raise ChainError(f"{path} holds no pairs; give a pairs file.")
    return pairs


def _lfw(text: str, path: Path) -> list[Pair]:
    pairs, promised = [], None
    # Not splitlines: a name may hold what other scripts separate lines by.
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        # LFW separates by tabs, so that a name may hold spaces.
        words = line.strip().split("\t") if "\t" in line.strip() else line.split()
        if number == 1 and 1 <= len(words) <= 2 and all(map(_is_number, words)):
            counts = [int(w) for w in words]
            promised = [2 * counts[0] * counts[-1]] if len(words) == 2 else [counts[0] * 2]
            # Some write the number of all pairs instead.
            promised += counts[:1] if len(words) == 1 else []
        elif words:
            pairs.append(_lfw_pair(words, f"{path}, line {number}"))
    if promised and pairs and len(pairs) not in promised:
        raise ChainError(
            f"{path} promises {promised[0]} pairs in its first line but holds {len(pairs)}; "
            "get a fresh copy or correct that line."
        )
    return pairs


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 10


def _lfw_pair(words: list[str], where: str) -> Pair:
    words = [word.strip() for word in words]
    same = len(words) == 3
    if same:
        words = [words[0], words[1], words[0], words[2]]
    if len(words) != 4 or not (_is_number(words[1]) and _is_number(words[3])):
        raise ChainError(f"{where}: write {_FORMS}.")
    for name in (words[0], words[2]):
        if Path(name).name != name or name == "..":
            raise ChainError(f"{where}: {name!r} is not a folder's name.")
    return Pair((words[0], int(words[1])), (words[2], int(words[3])), same)


def _csv_pairs(text: str, path: Path) -> list[Pair]:
    pairs = []
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    try:
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            fields = [field.strip() for field in row]
            if not any(fields):
                continue
            if len(fields) == 3 and fields[2] in ("0", "1"):
                first, second = (text_file.normal(name, where) for name in fields[:2])
                pairs.append(Pair(first, second, fields[2] == "1"))
            elif reader.line_num > 1 or any(f.lower().endswith(SUFFIXES) for f in fields):
                raise ChainError(f"{where}: write {_FORMS}.")
    except csv.Error:
        raise ChainError(
            f"{path}, line {reader.line_num} is not CSV; check its quotation marks."
        ) from None
    return pairs


def find(images: Path, pairs: Iterable[Pair]) -> dict[Picture, Path]:
    """Return the file below ``images`` of each picture of ``pairs``, in their order.

    Raises ``ChainError`` where there is none, or several that differ in their suffix.
    """
    listed = cache(_numbered)  # a folder holds many
    return {
        picture: _file(images, picture, listed)
        for pair in pairs
        for picture in (pair.first, pair.second)
    }


def _file(images: Path, picture: Picture, listed: Callable[[Path], dict[str, list[Path]]]) -> Path:
    if isinstance(picture, str):
        path = text_file.below(images, picture)
        if not path.is_file():
            raise ChainError(f"there is no picture {path}; correct the pairs file or SRC=.")
        return path
    name, number = picture
    stem = text_file.below(images, f"{name}/{name}_{number:04d}")
    found = listed(stem.parent).get(stem.name, []) if stem.parent.is_dir() else []
    if len(found) != 1:
        what = "are several of" if found else "is none of"
        raise ChainError(f"there {what} {stem}{', '.join(SUFFIXES)}; there must be one.")
    return found[0]


def _numbered(folder: Path) -> dict[str, list[Path]]:
    """Return the pictures in ``folder`` by their names without suffix."""
    found: dict[str, list[Path]] = {}
    with os.scandir(folder) as entries:
        for path in sorted(folder / entry.name for entry in entries if entry.is_file()):
            if path.suffix.lower() in SUFFIXES:
                found.setdefault(path.stem, []).append(path)
    return found
