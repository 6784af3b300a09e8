"""Where the project is, its modules run as make does, and copies of it for make."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
PYTHON = ROOT / "python"


def run_module(
    module: str, *arguments: object, cwd: Path | None = None
) -> subprocess.CompletedProcess:
    """Run python/<module>.py as the Makefile does; the caller checks the status."""
    command = [sys.executable, str(PYTHON / f"{module}.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def imported(path: Path) -> set[str]:
    """Return the top-level modules that the file ``path`` imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module.split(".")[0])
    return found


def expect_error(result: subprocess.CompletedProcess, *fragments: str) -> None:
    """Assert that ``result`` failed with one clear sentence that contains ``fragments``."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.stderr
    for fragment in fragments:
        assert fragment in errors[0]


def _files() -> list[str]:
    """Return the project's own files: those of git, or without it all that make does not make."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [name for name in listed.stdout.split("\0") if name]
    made = (".venv", "LResNet", "data", "model", "result")
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return [str(path) for path in found if path.parts[0] not in made or path.name == "README.md"]


class Project:
    """A copy of the project's files in ``root``, using the interpreter that runs the tests."""

    def __init__(self, root: Path):
        self.root = root
        for name in _files():
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
