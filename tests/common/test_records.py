"""Reading the JSON that steps leave: what cannot be read is told in a sentence."""

from pathlib import Path

import pytest

from common.errors import ChainError
from common.records import read_json


def test_an_object_is_read(tmp_path: Path):
    (tmp_path / "a.json").write_text('{"net": "x", "pairs": 2}')
    assert read_json(tmp_path / "a.json") == {"net": "x", "pairs": 2}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "is missing; run the configuration first"),
        (b"{", "is not JSON"),
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[1, 2]", "is not a JSON object; remove it and run make again"),
        (b"null", "is not a JSON object"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, content: bytes | None, reason: str):
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ChainError, match=rf"a\.json {reason}"):
        read_json(tmp_path / "a.json")
