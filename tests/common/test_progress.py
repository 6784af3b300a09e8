"""Progress: plain lines in a pipe, and a bar on a terminal."""

import io
import subprocess
import sys

from common import progress
from support.project import PYTHON

CODE = """
import sys, time
sys.path.insert(0, {path!r})
from common import progress
progress.SECONDS_BETWEEN_LINES = {seconds}
for _ in progress.progress(range(5), 5, "run"):
    time.sleep(0.02)
"""


def run(seconds, **streams):
    code = CODE.format(path=str(PYTHON), seconds=seconds)
    return subprocess.run([sys.executable, "-c", code], check=True, **streams)


def test_plain_lines_with_an_estimate_in_a_pipe():
    said = run(0, stderr=subprocess.PIPE, text=True).stderr
    assert "\r" not in said
    lines = said.splitlines()
    assert [line.split()[:4] for line in lines] == [
        ["run", str(k), "of", "5"] for k in (1, 2, 3, 4)
    ]
    assert all("left" in line for line in lines)


def test_a_short_step_says_nothing_in_a_pipe():
    assert run(10, stderr=subprocess.PIPE, text=True).stderr == ""


def test_a_bar_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(progress.progress(range(5), 5, "run")) == list(range(5))
    assert "\r" in terminal.getvalue()
    assert "/5" in terminal.getvalue()
