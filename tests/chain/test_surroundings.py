"""Odd surroundings: the chain works in them, or says in one sentence of ours why not."""

import os
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from support.project import Project, expect_error, run_module

# Root is stopped by a file's rights only without its capabilities.
WITHOUT_POWERS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []


def run(
    root: Path, *words: str, env: dict[str, str | None] | None = None, stdout: int | None = None
) -> subprocess.CompletedProcess:
    """Run ``words`` in ``root`` as a user without powers; ``env`` changes or (None) unsets."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    for name, value in ({"PY": sys.executable} | (env or {})).items():
        variables.pop(name, None)
        if value is not None:
            variables[name] = value
    return subprocess.run(
        [*WITHOUT_POWERS, *words], cwd=root, env=variables, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE if stdout is None else stdout, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip


def make(root: Path, *words: str, python: str = sys.executable, **options):
    return run(root, "make", "VENV=", f"PYTHON={python}", *words, **options)


def expect_one_sentence(result: subprocess.CompletedProcess, *fragments: str) -> None:
    """Assert that ``result`` failed with one sentence of ours and no word but make's besides."""
    expect_error(result, *fragments)
    rest = [line for line in result.stderr.splitlines() if not line.startswith("error: ")]
    assert all(line.startswith(("make: ***", "scripts/rules.mk:")) for line in rest), result.stderr


@pytest.fixture(scope="module")
def prepared(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with data/faces.bin, decoded; tests leave it as it was."""
    root = tmp_path_factory.mktemp("surroundings") / "project"
    Project(root)
    shutil.copy2(tiny / "faces.bin", root / "data")
    shutil.copy2(tiny / "mobilefacenet.pth", root / "model")
    done = make(root, "preprocess", "DATA=data/faces.bin")
    assert done.returncode == 0, done.stderr
    return root


def test_a_path_a_locale_and_rights_of_any_kind(tiny: Path, tmp_path: Path):
    root = tmp_path / "a b'\"$HOME#:ü%\\*"
    Project(root)
    shutil.copy2(tiny / "faces.bin", root / "data/gesichter_ü.bin")
    settings = {"LC_ALL": "C", "HOME": None, "TERM": None}
    words = ("preprocess", "DATA=data/gesichter_ü.bin", "V=1")
    done = run(
        root, "bash", "-c", f'umask 077; make VENV= "PYTHON=$PY" {" ".join(words)}', env=settings
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (root / "data/gesichter_ü_list.npy").stat().st_mode & 0o077 == 0
    assert make(root, "-q", *words, env={"LC_ALL": "C.UTF-8"}).returncode == 0


@pytest.mark.parametrize(
    ("folder", "goal", "said"),
    [
        (
            "result",
            "preprocess",
            "result/.make, by which make holds this folder, cannot be",
        ),
        ("data", "preprocess", "Permission denied; check the path, its permissions"),
        ("data/.stamp", "preprocess", "data/.stamp/faces, which says what was made with which"),
        ("data", "clean", "not everything was removed"),
        ("model", "onnx", "model/.stamp/mobilefacenet, which says what was made"),
    ],
)
def test_a_folder_that_may_not_be_written_is_named(
    prepared: Path, tiny: Path, folder: str, goal: str, said: str
):
    place = prepared / folder
    files = [place, *place.glob(".make")]
    if folder == "data":
        (prepared / "data/.stamp/faces").touch()
    for file in files:
        file.chmod(0o555)
    data = tiny / "faces.bin" if folder == "data/.stamp" else "data/faces.bin"
    words = (f"DATA={data}", "NET=mobilefacenet", "WEIGHTS=model/mobilefacenet.pth")
    try:
        result = make(prepared, goal, *words)
    finally:
        for file in files:
            file.chmod(0o755)
    expect_one_sentence(result, said)
    done = make(prepared, "preprocess", "DATA=data/faces.bin")
    assert done.returncode == 0, done.stderr


def test_an_interpreter_that_may_not_be_run_is_named(prepared: Path, tmp_path: Path):
    closed = tmp_path / "python"
    closed.write_text("")
    (prepared / "data/.stamp/faces").touch()
    for python in (str(closed), "/nonexistent/python"):
        result = make(prepared, "preprocess", "DATA=data/faces.bin", python=python)
        expect_one_sentence(result, f"{python} is missing, or you have no right to run it")
        assert make(prepared, "help", python=python).returncode == 0


def test_a_clock_that_was_set_back_is_told(prepared: Path):
    mark = prepared / "result/.make"
    os.utime(mark, (4e9, 4e9))
    result = make(prepared, "preprocess", "DATA=data/faces.bin")
    expect_one_sentence(result, "the clock is behind the last make in this folder")
    assert make(prepared, "clean").returncode == 0
    assert make(prepared, "preprocess", "DATA=data/faces.bin").returncode == 0


def test_a_stamp_is_newer_than_what_was_made_before_this_make(prepared: Path):
    """Also where a file system keeps whole seconds, in one of which both may fall."""
    mark, stamp = prepared / "result/.make", prepared / "data/.stamp/other"
    soon = mark.stat().st_ctime_ns
    for ahead in (4e8, 5e11):
        os.utime(mark, ns=(soon, time.time_ns() + int(ahead)))
        result = run(prepared, "scripts/stamp.sh", "data/.stamp/other", "X=1")
        if ahead < 1e9:
            assert result.returncode == 0, result.stderr
            assert stamp.stat().st_mtime_ns > mark.stat().st_mtime_ns
        else:
            expect_one_sentence(result, "the clock was set back while make ran")
    os.utime(mark)
    stamp.unlink()


def test_standard_output_that_takes_nothing_is_told(prepared: Path):
    door = "from common.errors import exit_with; exit_with(lambda: print('x'))"
    for words, said in (
        (("scripts/step.sh", "embed", "x", "true"), "standard output cannot be written to"),
        (("scripts/step.sh", "embed", "x", "false"), "standard output cannot be written to"),
        (("scripts/python.sh", "-c", door), "No space left on device"),
    ):
        with Path("/dev/full").open("w") as full:
            settings = {"PYTHONPATH": "python", "PYTHONUNBUFFERED": None}
            result = run(prepared, *words, stdout=full.fileno(), env=settings)
        expect_one_sentence(result, said)
    done = run(prepared, "bash", "-c", "scripts/step.sh embed x true >&-")
    expect_one_sentence(done, "standard output cannot be written to")
    # What cannot be said does not hinder.
    assert run(prepared, "bash", "-c", "scripts/step.sh embed x true 2>&-").returncode == 0
    assert run(prepared, "bash", "-c", "scripts/step.sh embed x true 2>/dev/full").returncode == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ABRT", "embed was ended by SIGABRT, as a library does that crashes"),
        ("KILL", "embed was killed (SIGKILL), by the system if memory ran out"),
        ("TERM", "interrupted; run make again"),
    ],
)
def test_a_step_that_a_signal_ends_says_which(prepared: Path, name: str, said: str):
    words = ("scripts/step.sh", "embed", "x/embeddings.npy", "bash", "-c", f"kill -{name} $$")
    expect_one_sentence(run(prepared, *words), said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_package", "whose package no_such_package is missing or does not load"),
        ("from json import nothing", "whose package json is missing or does not load"),
        ("from x import y from z", "which does not understand python/new.py; name a newer one"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", "interrupted; run make again"),
    ],
)
def test_a_door_that_cannot_start_says_why(prepared: Path, text: str, said: str):
    (prepared / "python/new.py").write_text(text)
    for words in (("scripts/step.sh", "embed", "x"), ("scripts/python.sh",)):
        expect_one_sentence(run(prepared, *words, "python/new.py"), said)
    (prepared / "python/new.py").unlink()


def test_a_fault_of_the_project_keeps_its_traceback(prepared: Path):
    """Only what others can mend becomes a sentence."""
    for text in ("from common import no_such_module", "1 / 0"):
        (prepared / "python/new.py").write_text(text)
        assert "Traceback" in run(prepared, "scripts/python.sh", "python/new.py").stderr
    (prepared / "python/new.py").unlink()


def test_downloads_take_the_proxy_that_is_set(tiny: Path, tmp_path: Path):
    asked, faces = [], (tiny / "faces.bin").read_bytes()

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(faces)))
            self.end_headers()
            self.wfile.write(faces)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"127.0.0.1:{server.server_port}"
    (tmp_path / "none.json").write_text("{}")
    words = ("--manifest", tmp_path / "none.json", "--variable", "DATA")
    for url, settings, seen in (
        (
            "http://faces.invalid/a.bin",
            {"http_proxy": f"http://{here}"},
            "http://faces.invalid/a.bin",
        ),
        (
            f"http://{here}/a.bin",
            {"http_proxy": "http://127.0.0.1:1", "no_proxy": "127.0.0.1"},
            "/a.bin",
        ),
    ):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            done = run_module(
                "download", *words, "--url", url, "--file", tmp_path / f"{len(asked)}.bin"
            )
        assert done.returncode == 0, done.stderr
        assert asked[-1] == seen
    server.shutdown()
