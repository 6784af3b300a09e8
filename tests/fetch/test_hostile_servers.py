"""However a server answers, a download ends in time, in one sentence, and leaves nothing."""

import os
import signal
import time
from pathlib import Path

import pytest

import download
from common import limits
from common.errors import ChainError
from fetch import http, watch
from support.hostile_servers import CONTENT, SERVERS, Server

LARGEST = 1 << 20
SECONDS = 3.0


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds and bytes as above are for the network; here everything is near."""
    monkeypatch.setenv("DOWNLOAD_BACKOFF", "0.01")
    monkeypatch.setattr(http, "TIMEOUT", (0.3, 0.3))
    monkeypatch.setattr(http, "LONGEST_WAIT", 0.02)
    monkeypatch.setattr(watch, "PERIOD", 0.15)
    monkeypatch.setitem(download.LARGEST, ".bin", LARGEST)


@pytest.mark.parametrize("name", SERVERS)
def test_each_kind_of_server(name: str, tmp_path: Path) -> None:
    answer, told = SERVERS[name]
    path, start = tmp_path / "set.bin", time.monotonic()
    with Server(answer) as server:
        if told is None:
            download.download(path, [server.url], {})
            assert path.read_bytes() == CONTENT
            return
        with pytest.raises(ChainError, match=told) as caught:
            download.download(path, [server.url], {})
    assert time.monotonic() - start < SECONDS
    assert str(caught.value).isprintable() and list(tmp_path.iterdir()) == []


def test_a_deadline_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LEAST", 0)
    monkeypatch.setattr(watch, "DEADLINE", 0.4)
    with (
        Server(SERVERS["a byte now and then"][0]) as server,
        pytest.raises(ChainError, match="did not end in"),
    ):
        download.download(tmp_path / "set.bin", [server.url], {})
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_by_a_process_that_had_to_be_killed(tmp_path: Path, monkeypatch) -> None:
    def killed(child: int) -> None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    monkeypatch.setattr(limits, "_end", killed)
    with (
        Server(SERVERS["a byte now and then"][0]) as server,
        pytest.raises(ChainError, match="sent less than"),
    ):
        download.download(tmp_path / "set.bin", [server.url], {})
    assert list(tmp_path.iterdir()) == []


def test_files_that_do_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "set.bin"
    for source, told in (("/dev/zero", "it is no file"), ("/none", "No such file")):
        with pytest.raises(ChainError, match=told):
            download.download(path, [f"file://{source}"], {})
    (tmp_path / "large").write_bytes(bytes(LARGEST + 1))
    with pytest.raises(ChainError, match="larger than 1 MiB"):
        download.download(path, [(tmp_path / "large").as_uri()], {})
    assert [p.name for p in tmp_path.iterdir()] == ["large"]


def test_records_that_are_damaged(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    (tmp_path / ".downloads.json").write_text('{"set.bin": 7}')
    assert download.download(tmp_path / "set.bin", [(tmp_path / "a").as_uri()], {})
    (tmp_path / ".downloads.json").write_text("[" * 100_000)
    with pytest.raises(ChainError, match=r"not JSON|nested"):
        download.download(tmp_path / "other.bin", [(tmp_path / "a").as_uri()], {})
