"""The specimen that is tortured: a copy of the project with a finished chain, and its steps.

The steps are those that ``make V=1`` printed, so that they are the Makefile's own. Which files each
reads and writes is seen by the shim, not stated here.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from support.ascend import environment
from support.project import Project, run_module

PAIRS = 12
SOURCES = ("data/faces.bin", "model/mobilefacenet.pth")
COMMON = ("NET=mobilefacenet", "BS=4", f"DATA={SOURCES[0]}", f"WEIGHTS={SOURCES[1]}")
COLLECTION = (f"SRC={SOURCES[0]}", "OUT=result/collection", "SHARD=4")
# What is made of the set and the checkpoint, by name; the first is what the short form takes.
CONFIGURATIONS = {
    "openvino": ("ENGINE=openvino",),
    "onnxruntime": ("ENGINE=onnxruntime",),
    "ncnn": ("ENGINE=ncnn",),
    "ascend": ("ENGINE=ascend",),
    "int8": ("ENGINE=openvino", "PRECISION=int8"),
}
TIMED = ("LOOP=2", "WARMUP=1")
# The batch of what is tuned: what is chosen, and made so, differs from one time to the next.
TUNED = "BS=8"
# Of a make around this one.
APART = ("MAKE", "MFLAGS", "CHAIN_MAKE")
KEPT = ("data", "model", "result")
STATE = "specimen.json"


class Step(NamedTuple):
    """A door with its arguments, as the Makefile ran it in ``configuration``."""

    configuration: str
    argv: tuple[str, ...]

    @property
    def door(self) -> str:
        return Path(self.argv[0]).stem


class Specimen:
    """The project at ``folder``/project, what it held when finished at ``folder``/finished."""

    def __init__(self, folder: Path):
        self.folder, self.root, self.finished = folder, folder / "project", folder / "finished"
        state = json.loads((folder / STATE).read_text())
        self.steps = [Step(c, tuple(argv)) for c, argv in state["steps"]]
        self.results = state["results"]
        self._placed: dict[str, tuple[int, ...]] = {}

    def make(self, configuration: str, *arguments: str, **options) -> subprocess.Popen:
        """Start make with ``arguments`` for ``configuration``, as the leader of a new session."""
        command = ["make", "VENV=", f"PYTHON={sys.executable}", *COMMON]
        return subprocess.Popen(
            [*command, *CONFIGURATIONS[configuration], *arguments],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **{"env": clean_environment(configuration)} | options,
        )

    def restore(self) -> None:
        """Put data/, model/ and result/ back as they were when the chain was finished.

        Files keep their inodes where they can: what was changed in place is written in place.
        """
        wanted = _files(self.finished)
        for name in _files(self.root, KEPT).keys() - wanted.keys():
            (self.root / name).unlink()
        for name in wanted:
            path = self.root / name
            if name in self._placed and self._placed[name] == _identity(path):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.finished / name, path)
            self._placed[name] = _identity(path)
        for folder in KEPT:
            remove_empty(self.root / folder, self.finished / folder)

    def products(self) -> list[str]:
        """Return every file of the finished chain but the project's own, sorted."""
        return sorted(name for name in _files(self.finished) if not name.endswith("README.md"))


def build(folder: Path, configurations: tuple[str, ...]) -> Specimen:
    """Run the chain of ``configurations`` in a copy of the project; return the specimen.

    With all of them the first is tuned as well, for another batch.
    """
    root = folder / "project"
    Project(root)
    pairs, checkpoint = (root / name for name in SOURCES)
    made = run_module("make_demo_bin", "--pairs", PAIRS, "--out", pairs)
    assert made.returncode == 0, made.stderr
    given = ("--bin", pairs, "--out", checkpoint)
    made = run_module("make_demo_checkpoint", "--net", "mobilefacenet", *given)
    assert made.returncode == 0, made.stderr
    steps: dict[tuple[str, ...], str] = {}
    results = {}
    for name in configurations:
        # An int8 model is compiled for each of a benchmark's batches, which takes long.
        goals = ["accuracy"] if name == "int8" else ["accuracy", "perf"]
        made = _make(root, name, *goals)
        if name == configurations[0]:
            made += _make(root, name, "embed", *COLLECTION)
            if len(configurations) > 2:
                made += _make(root, name, "tune", TUNED, "STRICT=0")
                made += _make(root, name, "accuracy", TUNED)
        if name == configurations[-1]:
            made += _make(root, name, "report")
        for line in re.findall(r"^\+ (.*)$", made, re.MULTILINE):
            words = shlex.split(line)
            door = next((k for k, word in enumerate(words) if word.startswith("python/")), None)
            if door is None:  # a script's step
                continue
            argv = tuple(words[door:])
            steps.setdefault(argv, name)
            if argv[0] == "python/score.py":
                results.setdefault(name, str(Path(argv[argv.index("--out") + 1]).parent))
        for file in ("accuracy.json", "perf.json"):
            if (root / results[name] / file).exists():
                steps.setdefault(("python/show.py", f"{results[name]}/{file}"), name)
    for kept in KEPT:
        shutil.copytree(root / kept, folder / "finished" / kept)
    state = {"steps": [(name, argv) for argv, name in steps.items()], "results": results}
    (folder / STATE).write_text(json.dumps(state))
    return Specimen(folder)


def _make(root: Path, configuration: str, *arguments: str) -> str:
    command = ["make", "VENV=", f"PYTHON={sys.executable}", "V=1", *COMMON, *TIMED]
    made = subprocess.run(
        [*command, *CONFIGURATIONS[configuration], *arguments],
        cwd=root,
        env=clean_environment(configuration),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise RuntimeError(f"make {' '.join(arguments)}: {made.stdout}{made.stderr}")
    return made.stdout


def clean_environment(configuration: str) -> dict[str, str]:
    """Return the environment of a make for ``configuration``, without that of a make around it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(APART)}
    kept |= {"PYTHONDONTWRITEBYTECODE": "1"}
    return kept | (environment() if configuration == "ascend" else {})


def _files(root: Path, folders: tuple[str, ...] = KEPT) -> dict[str, Path]:
    found = {}
    for folder in folders:
        for path in (root / folder).rglob("*"):
            if path.is_symlink() or path.is_file():
                found[str(path.relative_to(root))] = path
    return found


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def remove_empty(folder: Path, wanted: Path) -> None:
    """Remove the empty folders below ``folder`` that ``wanted`` has not."""
    for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):  # deepest first
        if not (wanted / path.relative_to(folder)).is_dir() and not any(path.iterdir()):
            path.rmdir()
