"""A step on a real terminal: its line fits, it shows that it lives, an error has its own line."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from support.project import Project

LONG = "result/mobilefacenet_lfw_openvino_fp32_bs16/embeddings.npy"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Project(tmp_path / "project").root


def on_a_terminal(root: Path, columns: int, *words: str) -> tuple[int, list[str]]:
    """Run a step there; return its exit status and the lines as a person sees them at the end."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = ["bash", "scripts/step.sh", *words]
    environment = os.environ | {"PY": sys.executable, "TERM": "xterm"}
    process = subprocess.Popen(
        command, cwd=root, env=environment, stdin=follower, stdout=follower, stderr=follower
    )
    os.close(follower)
    said = b""
    while select.select([leader], [], [], 60)[0]:
        try:
            more = os.read(leader, 4096)
        except OSError:
            break
        if not more:
            break
        said += more
    os.close(leader)
    return process.wait(60), said.decode().replace("\r\n", "\n").split("\n")


def in_a_pipe(root: Path, *words: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PY": sys.executable}
    command = ["bash", "scripts/step.sh", *words]
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=True
    )


def seen(line: str) -> str:
    """Return what is left of a line in which carriage returns begin anew."""
    shown = ""
    for part in line.split("\r"):
        erased = part.startswith("\x1b[K")
        part = part.removeprefix("\x1b[K")
        shown = part if erased else part + shown[len(part) :]
    return shown.rstrip()


@pytest.mark.parametrize(("columns", "longest"), [(80, 80), (60, 60), (200, 90)])
def test_the_line_of_a_step_fits(root: Path, columns: int, longest: int):
    status, lines = on_a_terminal(root, columns, "embed", LONG, "sleep", "1.5")
    assert status == 0
    assert all(len(part) <= longest for line in lines for part in re.split(r"\r|\x1b\[K", line))
    final = seen(lines[0])
    assert re.fullmatch(r"  embed        result/\S+embeddings.npy +1\.\d s", final), final
    assert (LONG in final) == (columns == 200)
    # While it ran it said for how long.
    assert re.search(r"embeddings.npy +1 s", lines[0])


def test_an_error_begins_a_line_of_its_own(root: Path):
    for words in (
        ("bash", "-c", ". ./env.sh; fail 'nothing is right; leave it.'"),
        ("python/score.py", "--embeddings", "a", "--run", "b", "--labels", "gone", "--out", "c"),
    ):
        status, lines = on_a_terminal(root, 80, "score", "x/accuracy.json", *words)
        assert status == 1
        shown = [seen(line) for line in lines]
        assert shown[0].startswith("error: ")
        assert re.fullmatch(r"  score        x/accuracy.json +failed", shown[1])


def test_a_long_wait_for_others_is_said(root: Path):
    holder = subprocess.Popen(["flock", str(root / "result"), "sleep", "3"])
    time.sleep(0.3)
    done = in_a_pipe(root, "--alone", "embed", "x", "true")
    holder.wait()
    assert done.stderr == "  embed waits until other steps in this folder have ended\n"
    assert done.stdout.startswith("  embed ")


def test_nothing_of_a_step_outlives_it(root: Path):
    started = time.monotonic()
    done = in_a_pipe(root, "embed", "x", "sh", "-c", "echo $STEP_CLOCK")
    # The pipe is closed with the step, not with a clock that still sleeps.
    assert time.monotonic() - started < 30
    clock = int(done.stdout.split()[0])
    assert not Path(f"/proc/{clock}").exists()
