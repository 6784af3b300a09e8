"""What replaces a file or a folder does so whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from common.files import replacing


def test_a_folder_that_cannot_be_replaced_stays(tmp_path: Path, monkeypatch):
    """The old one is moved aside first: where the new one cannot take its place, it comes back."""
    folder = tmp_path / "crops"
    folder.mkdir()
    (folder / "old").touch()
    replace = os.replace

    def failing(source: Path, target: Path) -> None:
        if target == folder and ".tmp-" in source.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="No space left"), replacing(folder) as temporary:
        temporary.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["crops"]
    assert [path.name for path in folder.iterdir()] == ["old"]
