"""Downloads, against a local server that serves ranges, cuts, lies, refuses and sends pages."""

import hashlib
import json
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from common.errors import ChainError, FetchError
from download import download
from fetch import http
from support.project import Project, expect_error, run_module

LARGEST = 1 << 20
CONTENT = pickle.dumps(([bytes(range(256)) * 400, b"x"], [True]), protocol=2)
QUOTA = b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head></html>"


class Handler(BaseHTTPRequestHandler):
    """GET /BEHAVIOUR answers as the behaviour says; ``asked`` keeps each request's headers."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        server: Server = self.server
        name = self.path.strip("/")
        server.asked.append(dict(self.headers))
        server.count[name] = turn = server.count.get(name, 0) + 1
        if name.isdigit():
            self.send_error(int(name))
            return
        body, start, tag = CONTENT, 0, '"one"'
        if name == "changes" and turn > 1:
            body, tag = CONTENT[::-1] + CONTENT, '"two"'
        asked = self.headers.get("Range", "")
        if name != "no-ranges" and asked and self.headers.get("If-Range") == tag:
            start = int(asked.removeprefix("bytes=").split("-")[0])
        part = body[start:]
        self.send_response(206 if start else 200)
        if start:
            shown = start + 7 if name == "wrong-range" else start
            self.send_header("Content-Range", f"bytes {shown}-{len(body) - 1}/{len(body)}")
        if name == "busy" and turn < 3:
            self.close_connection = True
            return
        claimed = len(part)
        if name == "claims-more":
            claimed += 1000
        elif name == "claims-less":
            part = part[: len(part) // 2]
            claimed = len(part)
        elif name in ("cuts", "no-ranges", "changes", "wrong-range"):
            # One third each time; without ranges, only the first time.
            if not (name == "no-ranges" and turn > 1):
                part = part[: max(len(CONTENT) // 3, 1)]
        elif name == "always-cuts":
            part = b""
        elif name in ("page", "page-as-file"):
            part = QUOTA
            claimed = len(part)
        kind = "text/html; charset=utf-8" if name == "page" else "application/octet-stream"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(claimed))
        if name != "no-version":
            self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(part)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, str]] = []
        self.count: dict[str, int] = {}

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("DOWNLOAD_BACKOFF", "0.01")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def refused(path: Path, *sources: str) -> str:
    with pytest.raises(ChainError) as caught:
        download(path, list(sources), {})
    assert not path.exists()
    return str(caught.value)


@pytest.mark.parametrize("name", ["plain", "cuts", "no-ranges", "no-version", "busy"])
def test_brings_the_file_whole(name: str, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "data" / "set.bin"
    download(path, [server.url(name)], {})
    assert path.read_bytes() == CONTENT
    left = sorted(p.name for p in path.parent.iterdir())
    assert left == [".downloads.json", "set.bin"]
    record = json.loads((path.parent / ".downloads.json").read_text())["set.bin"]
    assert record["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert record["size"] == len(CONTENT)


def test_resumes_in_a_later_call(server: Server, tmp_path: Path) -> None:
    partial = tmp_path / "partial"
    partial.write_bytes(CONTENT[:1000])
    (tmp_path / "partial.json").write_text('{"version": "\\"one\\""}')
    http.fetch(server.url("plain"), partial, LARGEST, 0.01)
    assert partial.read_bytes() == CONTENT
    assert [a.get("Range") for a in server.asked] == ["bytes=1000-"]


def test_a_file_changed_meanwhile_is_not_joined(server: Server, tmp_path: Path) -> None:
    partial = tmp_path / "partial"
    # The second version is sent whole, since If-Range names the first.
    http.fetch(server.url("changes"), partial, LARGEST, 0.01)
    assert partial.read_bytes() == CONTENT[::-1] + CONTENT


def test_a_lie_about_the_length_keeps_what_came(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "set.bin"
    message = refused(path, server.url("always-cuts"))
    assert "the connection broke after 0" in message and "4 times in a row" in message
    message = refused(path, server.url("claims-less"))
    assert "not a whole verification .bin" in message
    message = refused(path, server.url("claims-more"))
    assert "times in a row" in message


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_not_repeated(status: int, server: Server, tmp_path: Path) -> None:
    message = refused(tmp_path / "set.bin", server.url(str(status)))
    assert f"answers {status}" in message
    assert server.count == {str(status): 1}
    assert list(tmp_path.iterdir()) == []


def test_an_overload_is(server: Server, tmp_path: Path) -> None:
    assert "answers 503, 4 times" in refused(tmp_path / "set.bin", server.url("503"))
    assert server.count == {"503": http.ATTEMPTS}


@pytest.mark.parametrize("name", ["page", "page-as-file"])
def test_a_quota_page_is_told(name: str, server: Server, tmp_path: Path) -> None:
    message = refused(tmp_path / "set.bin", server.url(name))
    assert "quota is used up" in message and "Quota exceeded" in message
    assert not [p for p in tmp_path.iterdir() if p.suffix == ".part"]


def test_the_next_source_is_tried(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "set.bin"
    sources = [server.url("404"), "obs://bucket/key", server.url("plain")]
    assert download(path, sources, {}) == sources[2]


def test_a_later_mismatch_is_refused(server: Server, tmp_path: Path) -> None:
    path, other = tmp_path / "set.bin", tmp_path / "other"
    download(path, [server.url("plain")], {})
    path.unlink()
    other.write_bytes(pickle.dumps(([b"a", b"b"], [True])))
    message = refused(path, other.as_uri())
    assert "instead of" in message and ".downloads.json" in message
    download(path, [server.url("plain")], {})
    path.unlink()
    with pytest.raises(ChainError, match="sha256 is"):
        download(path, [server.url("plain")], {"sha256": "0" * 64})


def test_an_unknown_server_and_a_closed_port(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="does not resolve"):
        http.fetch("http://no-such-host.invalid/x", tmp_path / "p", LARGEST, 0.01)
    with Server() as closed:
        url = closed.url("plain")
    with pytest.raises(FetchError, match="refuses the connection, 4 times"):
        http.fetch(url, tmp_path / "p", LARGEST, 0.01)


def test_obsutil_is_run_without_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "obsutil").write_text(
        f"#!{'/usr/bin/env bash'}\nprintf '%s\\n' \"$@\" >'{tmp_path}/seen'\n"
        f"cp '{tmp_path}/stored' \"$3\" || {{ echo 'Status: 404'; exit 1; }}\n"
    )
    (tmp_path / "obsutil").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert "Status: 404" in refused(tmp_path / "set.bin", "obs://b/a b;$(touch x)")
    (tmp_path / "stored").write_bytes(CONTENT)
    download(tmp_path / "set.bin", ["obs://b/a b;$(touch x)"], {})
    assert (tmp_path / "seen").read_text().splitlines()[:2] == ["cp", "obs://b/a b;$(touch x)"]


def test_one_message_when_nothing_works(server: Server, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    path = tmp_path / "set.bin"
    entry = {"sources": [server.url("403"), "obs://b/k", server.url("page")]}
    manifest.write_text(json.dumps({str(path): entry}))
    result = run_module("download", "--manifest", manifest, "--file", path, "--variable", "DATA")
    expect_error(result, "403", "obsutil", "quota", "DATA=...", "make demo")
    assert not path.exists()


def test_make_downloads_what_the_chain_misses(project: Project, server: Server) -> None:
    source = project.root / "served.bin"
    source.write_bytes(CONTENT)
    assert "scripts/bring.sh data/lfw.bin" in project.make("-n", "download").stdout
    project.make("data/lfw.bin", f"DATA_URL={server.url('cuts')}")
    assert (project.root / "data/lfw.bin").read_bytes() == CONTENT
    project.make("data/mine.bin", "DATA=data/mine.bin", f"DATA_URL={source.as_uri()}")
    assert (project.root / "data/mine.bin").read_bytes() == CONTENT
    detector = "model/yunet_n_dynamic.onnx"
    assert f"scripts/bring.sh {detector}" in project.make("-n", detector).stdout
    failed = project.make("x.onnx", "ALIGN=1", "DETECTOR=x.onnx", "bin", ok=False)
    assert "the detector x.onnx is missing" in failed.stderr
    failed = project.make("data/other.bin", "DATA=data/other.bin", ok=False)
    assert "DATA_URL=" in failed.stderr and "make demo" in failed.stderr
    failed = project.make("download", "DATA_URL=http:$$(touch x)", ok=False)
    assert "DATA_URL=" in failed.stderr and not (project.root / "x").exists()
    project.make("distclean")
    assert not list((project.root / "data").glob(".downloads*"))


def test_the_manifest_names_what_make_offers(project: Project) -> None:
    manifest = json.loads((project.root / "scripts/downloads.json").read_text())
    assert sorted(manifest) == [
        "data/lfw.bin", "model/model_ir_se100.pth", "model/yunet_n_dynamic.onnx"
    ]  # fmt: skip
    assert all(set(e) == {"sources", "size", "sha256"} for e in manifest.values())
