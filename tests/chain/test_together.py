"""Several makes in one folder take turns; what a killed one leaves does no harm."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from support.project import Project, expect_error, run_module

PAIRS = {"one": 20, "two": 12}


@pytest.fixture(scope="module")
def sets(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one/faces.bin and two/faces.bin: two sets of one name."""
    folder = tmp_path_factory.mktemp("sets")
    (folder / "one").mkdir()
    shutil.copy2(tiny / "faces.bin", folder / "one")
    made = run_module("make_demo_bin", "--pairs", PAIRS["two"], "--out", folder / "two/faces.bin")
    assert made.returncode == 0, made.stderr
    return folder


class Folder:
    """A project whose preprocess waits, once it has begun, for as long as its gate is shut."""

    def __init__(self, root: Path, sets: Path):
        self.project, self.sets = Project(root), sets
        self.root, self.gate, self.begun = root, root / "gate", root / "begun"
        self.python = root / "python.sh"
        self.python.write_text(
            f'#!/bin/sh\ncase "$*" in *preprocess.py*) touch {self.begun}; '
            f"while [ -e {self.gate} ]; do sleep 0.02; done ;; esac\n"
            f'exec {sys.executable} "$@"\n'
        )
        self.python.chmod(0o755)

    def begin(self, *goals: str, data: str = "one") -> subprocess.Popen:
        variables = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        words = ["VENV=", f"PYTHON={self.python}", f"DATA={self.sets}/{data}/faces.bin"]
        return subprocess.Popen(
            ["make", *goals, *words], cwd=self.root, env=variables, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip

    def begin_shut(self, *goals: str) -> subprocess.Popen:
        """Begin a make and return when its preprocess waits at the gate."""
        self.gate.touch()
        self.begun.unlink(missing_ok=True)
        run = self.begin(*goals)
        until(self.begun.exists)
        return run

    def labels(self) -> int:
        return len(np.load(self.root / "data/faces_list.npy"))

    def finish(self, run: subprocess.Popen) -> subprocess.CompletedProcess:
        out, err = run.communicate(timeout=60)
        return subprocess.CompletedProcess(run.args, run.returncode, out, err)


def until(holds) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def waits(run: subprocess.Popen) -> str:
    """Return what a make that has to wait says."""
    return run.stderr.readline()


@pytest.fixture
def folder(tmp_path: Path, sets: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path / "project", sets)
    yield folder
    folder.gate.unlink(missing_ok=True)


def test_a_make_waits_for_the_one_before_it(folder: Folder):
    first = folder.begin_shut("preprocess")
    # What only looks does not wait.
    for goals in (["help"], ["-n", "preprocess"]):
        assert folder.finish(folder.begin(*goals)).stderr == ""
    said = f"  make waits until the make of process {first.pid} in this folder has ended\n"
    clean, interrupted = folder.begin("clean"), folder.begin("preprocess")
    assert (waits(clean), waits(interrupted)) == (said, said)
    os.killpg(interrupted.pid, signal.SIGINT)
    interrupted.communicate(timeout=60)
    assert interrupted.returncode != 0
    folder.gate.unlink()
    for run in (first, clean):
        done = folder.finish(run)
        assert (done.returncode, done.stderr) == (0, "")
    assert not (folder.root / "data/faces_list.npy").exists()


def test_makes_at_once_end_as_one_after_the_other(folder: Folder):
    sets = ("one", "two", "one", "two")
    runs = [folder.begin("-j4", "preprocess", data=name) for name in sets]
    runs.append(folder.begin("-j4", "clean", "preprocess"))
    for run in runs:
        done = folder.finish(run)
        assert done.returncode == 0, done.stderr
    for name in PAIRS:
        assert folder.finish(folder.begin("preprocess", data=name)).returncode == 0
        assert folder.labels() == PAIRS[name]


@contextmanager
def running_in(root: Path) -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"], cwd=root) as process:
        yield process.pid
        process.kill()


def test_what_a_killed_make_leaves_is_taken_over_and_removed(folder: Folder):
    run = folder.begin_shut("preprocess")
    os.killpg(run.pid, signal.SIGKILL)
    folder.finish(run)
    gone = [
        f"data/.faces_crops.tmp-{run.pid}",
        "data/.faces.old-999999",
        "model/.x.tmp-999999.onnx",
    ]
    gone += [
        "result/.stamp/.x.tmp-999999",
        "result/x_bs1/.run.tmp-999999.json",
        "model/x/.tmp-ab_c",
    ]
    with running_in(folder.root) as other:
        kept = f"data/.mine.tmp-{other}"
        for name in (*gone, kept):
            (folder.root / name).parent.mkdir(parents=True, exist_ok=True)
            (folder.root / name).write_text("x")
        folder.gate.unlink()
        done = folder.finish(folder.begin("preprocess"))
    assert (done.returncode, done.stderr) == (0, "")
    assert [n for n in (*gone, kept) if (folder.root / n).exists()] == [kept]
    assert folder.labels() == PAIRS["one"]


def test_the_last_step_of_a_killed_make_is_waited_for(folder: Folder):
    run = folder.begin_shut("preprocess")
    run.kill()
    following = folder.begin("preprocess", data="two")
    said = "  make waits until the last steps of an earlier make in this folder have ended\n"
    assert waits(following) == said
    folder.gate.unlink()
    assert folder.finish(following).returncode == 0
    assert folder.labels() == PAIRS["two"]
    folder.finish(run)


@pytest.mark.parametrize("content", [None, b"1:1\n\xff\0"])
def test_a_make_whose_mark_is_gone_ends_in_a_sentence(folder: Folder, content: bytes | None):
    run = folder.begin_shut("preprocess", "data/demo.bin")
    mark = folder.root / "result/.make"
    mark.unlink()
    if content is not None:
        mark.write_bytes(content)
    folder.gate.unlink()
    expect_error(folder.finish(run), "no longer holds its folder (result/.make")
    assert not (folder.root / "data/demo.bin").exists()
    assert folder.finish(folder.begin("preprocess")).returncode == 0
    assert folder.labels() == PAIRS["one"]
