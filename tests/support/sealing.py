"""Seals for what tests write in a step's place, and a ledger without what earlier calls read."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from seals import ledger, products


def seal(*paths: Path) -> None:
    """Seal ``paths`` as they are."""
    for path in paths:
        products.seal(path, path)
    forget()


def forget() -> None:
    """Let this process, in which tests call several doors, have read nothing."""
    for known in (ledger._made_of, ledger._sources, ledger._seen, ledger._known):
        known.clear()


def copy(paths: Iterable[Path], folder: Path) -> None:
    """Copy the files ``paths`` into ``folder`` as products of their own; graphs come last."""
    paths = sorted(paths, key=lambda path: path.suffix in (".onnx", ".xml", ".om", ".param"))
    for path in paths:
        shutil.copyfile(path, folder / path.name)
    seal(*(folder / path.name for path in paths))
