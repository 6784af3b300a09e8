"""What the tests share: the real set where it is at hand, and copies of the project for make."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
PYTHON = ROOT / "python"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real LFW set, real weights and golden outputs; skips where absent."""
    if not (SHARED / "lfw.bin").exists():
        pytest.skip("needs ../shared/data (real LFW set, weights, golden outputs) beside the clone")
    return SHARED


def run_module(
    module: str, *arguments: object, cwd: Path | None = None
) -> subprocess.CompletedProcess:
    """Run python/<module>.py as the Makefile does; the caller checks the status."""
    command = [sys.executable, str(PYTHON / f"{module}.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def expect_error(result: subprocess.CompletedProcess, *fragments: str) -> None:
    """Assert that ``result`` failed with one clear sentence that contains ``fragments``."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.stderr
    for fragment in fragments:
        assert fragment in errors[0]


class Project:
    """A copy of the project's files in ``root``, using the interpreter that runs the tests."""

    def __init__(self, root: Path):
        self.root = root
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).exists():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)

    def make(
        self, *arguments: str, ok: bool = True, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess:
        """Run make with ``arguments``; assert that it succeeds, or fails where ``ok`` is false."""
        variables = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        result = subprocess.run(
            ["make", "VENV=", f"PYTHON={sys.executable}", *arguments],
            cwd=self.root,
            env=variables | (env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode == 0) == ok, result.stdout + result.stderr
        return result


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
    made = run_module("seed_checkpoint", "--net", "mobilefacenet", *arguments)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="session")
def ready(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny set's crops, first.npy, list.npy, and models of batch 1, 7 and 16."""
    from support.steps import export, fix, simplify

    folder = tmp_path_factory.mktemp("ready")
    products = ("--crops", folder / "crops", "--firsts", folder / "first.npy")
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
