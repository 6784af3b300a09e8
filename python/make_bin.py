"""Aligned faces, or whole photographs, and a pairs file -> verification .bin.

Aligned faces of 112x112 are stored as they are, BMP and WebP as PNG. With a detector or a file of
landmarks, photographs are aligned first; their crops are stored as PNG.
"""

import argparse
import sys
from pathlib import Path

from common.errors import ChainError, exit_with
from common.files import remove, sync
from dataset import image_header, photograph, verification_bin
from dataset.pairs_file import find, read_pairs
from dataset.text_file import name_below
from faces import landmarks_file, photographs
from seals.products import seal

# Pictures that a message names; it says how many more there are.
NAMED = 20


def crops_as_they_are(paths: list[Path]) -> list[bytes]:
    """Return the crops in ``paths``, each checked to decode, as a .bin holds them: JPEG or PNG."""
    crops = []
    for path in paths:
        content, pixels = photograph.read_crop(path)
        crops.append(content if image_header.size(content) else photograph.as_png(pixels))
    return crops


def aligned_crops(args: argparse.Namespace, paths: list[Path]) -> dict[Path, bytes]:
    """Return the crops of the photographs ``paths`` as PNG; without those that have no face.

    Raises ``ChainError`` where there are such, unless ``args.skip_missing``.
    """
    if args.landmarks:
        listed = landmarks_file.read(args.landmarks)
        names = {path: name_below(args.images, path) for path in paths}
        seen = [path for path in paths if names[path] in listed]
        given = [listed[names[path]] for path in seen]
        made = dict(zip(seen, photographs.align_all(seen, None, given), strict=True))
        what = f"{args.landmarks} has no line for"
        remedy = "add them"
    else:
        made = dict(zip(paths, photographs.align_all(paths, args.detector), strict=True))
        what = "no face was found in"
        remedy = "give their landmarks with LANDMARKS="
    missing = [path for path in paths if made.get(path) is None]
    if missing:
        names = ", ".join(map(str, missing[:NAMED]))
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        what += f" {len(missing)} of {len(paths)} photographs ({names}{more})"
        if not args.skip_missing:
            raise ChainError(f"{what}; {remedy}, or leave out their pairs with MISSING=skip.")
        print(f"note: {what}; their pairs are left out.", file=sys.stderr)
    return {path: crop for path, crop in made.items() if crop is not None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--pairs", type=Path, required=True, help="pairs file")
    parser.add_argument("--detector", type=Path, help="YuNet model that aligns photographs")
    parser.add_argument("--landmarks", type=Path, help="landmarks to align photographs by")
    parser.add_argument("--skip-missing", action="store_true", help="leave out pairs without face")
    parser.add_argument("--out", type=Path, required=True, help="verification .bin to write")
    args = parser.parse_args()
    pairs = read_pairs(args.pairs)
    files = find(args.images, pairs)
    paths = list(dict.fromkeys(files.values()))  # each once, in however many pairs it is
    if args.detector or args.landmarks:
        crops = aligned_crops(args, paths)
    else:
        crops = dict(zip(paths, crops_as_they_are(paths), strict=True))
    kept = [p for p in pairs if files[p.first] in crops and files[p.second] in crops]
    if not kept:
        raise ChainError(f"no pair of {args.pairs} has a face in both pictures; nothing is left.")
    encoded = [crops[files[picture]] for p in kept for picture in (p.first, p.second)]
    fresh = args.out.with_name(f".{args.out.name}.new")
    try:
        verification_bin.write(fresh, encoded, [pair.same for pair in kept])
        seal(args.out, fresh)
        # The same content keeps its time stamp, and all that was made from it.
        if not (args.out.is_file() and args.out.read_bytes() == fresh.read_bytes()):
            sync(fresh)
            fresh.replace(args.out)
    finally:
        remove(fresh)
    left_out = f"; {len(pairs) - len(kept)} left out" if len(kept) < len(pairs) else ""
    print(f"{args.out}: {len(kept)} pairs, {sum(p.same for p in kept)} of one person{left_out}")


if __name__ == "__main__":
    exit_with(main)
