"""The Python interpreters of an NPU host that are not the chain's own; standard library only.

``aclruntime`` has wheels for Python 3.7 to 3.10 (3.11 on Arm), so ais_bench usually lives in
another interpreter than the chain, and atc compiles with whatever ``python3`` is on PATH. What
is asked of them here must run on Python 3.7.
"""

from __future__ import annotations

import json
from subprocess import CompletedProcess
from typing import NamedTuple

from common.errors import ChainError, reason
from common.programs import ask

# Read off the folders of installed packages: Python 3.7 has no importlib.metadata.
_DESCRIBE = """
import json, os, platform, sys
wanted, found = set(sys.argv[1:]), {}
for folder in sys.path:
    try: entries = sorted(os.listdir(folder or "."))
    except OSError: continue
    for entry in entries:
        if entry.endswith((".dist-info", ".egg-info")):
            name, version = (entry.rpartition(".")[0].lower() + "-").split("-")[:2]
            if name in wanted and version: found.setdefault(name, version)
print(json.dumps([platform.python_version(), found]))
"""
# Another package that installs a module ais_bench.
UNRELATED = "ais-bench-benchmark"
# Which of the two packages of that name is it, and does it load?
_ASK_AIS = f"""
import sys
try: import ais_bench.infer
except ModuleNotFoundError as error:
    # Something that ais_bench itself needs, or ais_bench.infer.
    if not (error.name or "").startswith("ais_bench"): sys.exit("import fails: " + str(error))
    try: import ais_bench
    except ImportError: sys.exit("not installed")
    sys.exit("this is {UNRELATED}, which only shares the import name")
"""
_ASK_ACL = "import aclruntime; aclruntime.InferenceSession, aclruntime.session_options"
_ASK_MODULE = "import importlib, sys; importlib.import_module(sys.argv[1])"


class Interpreter(NamedTuple):
    """``version``, e.g. 3.9.7; ``packages``: the versions of those that were asked for."""

    version: str
    packages: dict[str, str]


def run(python: str, *arguments: str) -> CompletedProcess[str]:
    """Run ``python`` with ``arguments``, as ``programs.ask`` does."""
    return ask([python, *arguments], "name another with AIS_PYTHON=")


def describe(python: str, *packages: str) -> Interpreter | None:
    """Return what ``python`` is, and the versions of those of ``packages`` that it has.

    Packages are distributions by their normalised names (``ais_bench``). None where it fails.
    """
    try:
        asked = run(python, "-c", _DESCRIBE, *packages)
        version, found = json.loads(asked.stdout)
    except (ChainError, ValueError):
        return None
    return Interpreter(version, found)


def tools_lacking(python: str) -> dict[str, str]:
    """Return why ``ais_bench.infer`` and ``aclruntime`` do not load in ``python``; "" where one
    does.
    """
    return {name: _said(python, code) for name, code in _TOOLS.items()}


def modules_lacking(python: str, modules: list[str]) -> list[str]:
    """Return those of ``modules`` that ``python`` cannot import, each tried by itself."""
    return [name for name in modules if _said(python, _ASK_MODULE, name)]


def check_tools(python: str) -> None:
    """Raise ``ChainError`` where ``python`` cannot run ais_bench."""
    for name, said in tools_lacking(python).items():
        if said:
            raise ChainError(
                f"{python} cannot load {name} ({said}); name the interpreter that has it with "
                "AIS_PYTHON=, or run make doctor."
            )


def _said(python: str, code: str, *arguments: str) -> str:
    try:
        asked = run(python, "-c", code, *arguments)
    except ChainError as error:
        return str(error)
    if asked.returncode == 0:
        return ""
    # A traceback ends with what it is about.
    return reason(asked.stderr.strip() or f"exit status {asked.returncode}", line=-1)


_TOOLS = {"ais_bench.infer": _ASK_AIS, "aclruntime": _ASK_ACL}
