"""Aligned faces and an LFW-style pairs file -> verification .bin.

A pair of one person is `name n1 n2`, one of two persons `name1 n1 name2 n2`; the files are
<images>/<name>/<name>_0001.jpg and so on, numbered with four digits, .jpg, .jpeg or .png, and
112x112 pixels. A first line of one or two numbers (pairs of a kind; or folds, and pairs of a
kind in each) is held against the number of pairs.
"""

import argparse
from functools import cache
from pathlib import Path
from typing import NamedTuple

from common.errors import ChainError, exit_with
from common.files import remove
from dataset import verification_bin
from dataset.decode import pixels

SUFFIXES = (".jpg", ".jpeg", ".png")


class Pair(NamedTuple):
    """Two pictures, each a person's name and number, and whether it is one person."""

    first: tuple[str, int]
    second: tuple[str, int]
    same: bool


def read_pairs(path: Path) -> list[Pair]:
    """Return the pairs in ``path`` in their order.

    Raises ``ChainError`` naming the line that has neither form, or where the header promises
    another number of pairs.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ChainError(f"{path} is not text in UTF-8; give an LFW-style pairs file.") from None
    pairs, promised = [], None
    for number, line in enumerate(lines, 1):
        # LFW separates by tabs, so that a name may hold spaces.
        words = line.strip().split("\t") if "\t" in line.strip() else line.split()
        if number == 1 and 1 <= len(words) <= 2 and all(w.isdecimal() for w in words):
            counts = [int(w) for w in words]
            promised = [2 * counts[0] * counts[-1]] if len(words) == 2 else [counts[0] * 2]
            # Some write the number of all pairs instead.
            promised += counts[:1] if len(words) == 1 else []
        elif words:
            pairs.append(_pair(words, f"{path}, line {number}"))
    if not pairs:
        raise ChainError(f"{path} holds no pairs; give an LFW-style pairs file.")
    if promised and len(pairs) not in promised:
        raise ChainError(
            f"{path} promises {promised[0]} pairs in its first line but holds {len(pairs)}; "
            "get a fresh copy or correct that line."
        )
    return pairs


def _pair(words: list[str], where: str) -> Pair:
    if len(words) == 3:
        words = [words[0], words[1], words[0], words[2]]
        same = True
    else:
        same = False
    if len(words) != 4 or not (words[1].isdecimal() and words[3].isdecimal()):
        raise ChainError(f"{where}: write 'name n1 n2' or 'name1 n1 name2 n2'.")
    for name in (words[0], words[2]):
        if Path(name).name != name or name == "..":
            raise ChainError(f"{where}: {name!r} is not a folder's name.")
    return Pair((words[0], int(words[1])), (words[2], int(words[3])), same)


def find(images: Path, name: str, number: int) -> Path:
    """Return the file of picture ``number`` of ``name``; ``ChainError`` unless there is one."""
    stem = images / name / f"{name}_{number:04d}"
    found = [p for p in (Path(f"{stem}{suffix}") for suffix in SUFFIXES) if p.is_file()]
    if len(found) != 1:
        what = "are several of" if found else "is none of"
        raise ChainError(f"there {what} {stem}.jpg, .jpeg, .png; there must be one.")
    return found[0]


def encoded_pairs(images: Path, pairs: list[Pair]) -> list[bytes]:
    """Return the files of all ``pairs`` as they are, two for each, each checked to decode."""

    @cache  # a face is in several pairs; listed twice, it is stored once
    def encoded(name: str, number: int) -> bytes:
        path = find(images, name, number)
        content = path.read_bytes()
        pixels(content, str(path))
        return content

    return [encoded(*picture) for pair in pairs for picture in (pair.first, pair.second)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="folder of folders of faces")
    parser.add_argument("--pairs", type=Path, required=True, help="pairs file")
    parser.add_argument("--out", type=Path, required=True, help="verification .bin to write")
    args = parser.parse_args()
    pairs = read_pairs(args.pairs)
    encoded = encoded_pairs(args.images, pairs)
    fresh = args.out.with_name(f".{args.out.name}.new")
    try:
        verification_bin.write(fresh, encoded, [pair.same for pair in pairs])
        # The same content keeps its time stamp, and all that was made from it.
        if not (args.out.is_file() and args.out.read_bytes() == fresh.read_bytes()):
            fresh.replace(args.out)
    finally:
        remove(fresh)
    print(f"{args.out}: {len(pairs)} pairs, {sum(p.same for p in pairs)} of one person")


if __name__ == "__main__":
    exit_with(main)
