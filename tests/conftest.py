"""The fixtures: the real set where it is at hand, copies of the project, a tiny set and network."""

import os
import signal
from pathlib import Path

import pytest

from support.project import SHARED, Project, run_module
from support.steps import export, fix, simplify

# In the background a shell has it ignored, and what the tests interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Two tests share the cores: threads of PyTorch that wait would take time from the other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real LFW set, real weights and golden outputs; skips where absent."""
    if not (SHARED / "lfw.bin").exists():
        pytest.skip("needs ../shared/data (real LFW set, weights, golden outputs) beside the clone")
    return SHARED


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh copy of the project, with nothing built."""
    return Project(tmp_path / "project")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with faces.bin (20 pairs) and mobilefacenet.pth (seeded), made as the demo is."""
    folder = tmp_path_factory.mktemp("tiny")
    made = run_module("make_demo_bin", "--pairs", 20, "--out", folder / "faces.bin")
    assert made.returncode == 0, made.stderr
    arguments = ("--bin", folder / "faces.bin", "--out", folder / "mobilefacenet.pth")
    made = run_module("make_demo_checkpoint", "--net", "mobilefacenet", *arguments)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="session")
def ready(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny set's crops, unique.npy, list.npy, and models of batch 1, 7 and 16."""
    folder = tmp_path_factory.mktemp("ready")
    products = ("--crops", folder / "crops", "--unique-index", folder / "unique.npy")
    source = ("--bin", tiny / "faces.bin")
    results = [
        run_module("preprocess", *source, *products, "--labels", folder / "list.npy"),
        export(tiny / "mobilefacenet.pth", folder),
    ]
    for batch in (1, 7, 16):
        results += [fix(folder, batch), simplify(folder, batch)]
    for result in results:
        assert (result.returncode, result.stderr) == (0, "")
    return folder
