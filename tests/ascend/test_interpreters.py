"""ais_bench in an interpreter of its own, as NPU hosts have it: real Pythons, found and named."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ascend import interpreter
from common import programs
from support.ascend import (
    BATCH,
    COUNT,
    TOOLKIT,
    environment,
    find_python,
    infer,
    make_interpreter,
    setup,
)
from support.project import PYTHON, ROOT, run_module
from support.sealing import copy

VERSIONS = ["3.7", "3.8", "3.9", "3.10", "3.11"]


@pytest.fixture(scope="module", params=VERSIONS)
def python(request, tmp_path_factory):
    """An environment of that version with numpy and the wheels of the stand-in, but no more."""
    folder = tmp_path_factory.mktemp("python") / request.param
    return request.param, make_interpreter(request.param, folder)


@pytest.fixture
def host(monkeypatch):
    """The stand-in toolkit, whose Python packages only that interpreter has."""
    for name, value in environment(PYTHONPATH="").items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("version", ["1", "3"])
def test_a_set_is_run(python, host, made, tmp_path, monkeypatch, version):
    monkeypatch.setenv("FAKE_AIS_VERSION", version)
    shown, path = python
    copy(
        [*(made / name for name in ("m.onnx", "m.om", "m.om.json")), *made.glob("*.data")], tmp_path
    )
    tool = ("--om", tmp_path / "m.om", "--batch-size", BATCH, "--devices", "0,1", "--python", path)
    tool += ("--log", tmp_path / "log")
    parity = tmp_path / "m.om.parity.json"
    result = run_module(
        "check_om", *tool, "--onnx", tmp_path / "m.onnx", "--needed", "--out", parity
    )
    assert result.returncode == 0, result.stderr + (tmp_path / "log").read_text()
    result = infer(made, tmp_path, *tool, "--outfmt", "TXT")
    assert result.returncode == 0, result.stderr + (tmp_path / "log").read_text()
    expected = np.load(made / "expected.npy")
    for i in range(COUNT):
        found = np.array((tmp_path / f"out/{i}_0.txt").read_text().split(), np.float32)
        np.testing.assert_allclose(found, expected[2 * i], atol=2e-6)
    record = json.loads((tmp_path / "r.json").read_text())
    versions = record["versions"]
    assert record["ais_python"] == path and versions["python_of_ais_bench"].startswith(shown + ".")
    assert versions["ais_bench"] == versions["aclruntime"] == "0.0.2"
    assert versions["numpy_of_ais_bench"].startswith("1.")


def test_the_doctor_tries_it(python, host):
    shown, path = python
    assert interpreter.tools_lacking(path) == {"ais_bench.infer": "", "aclruntime": ""}
    found = interpreter.describe(path, "ais_bench", "numpy", "none")
    assert found.version.startswith(shown + ".")
    assert found.packages["ais_bench"] == "0.0.2" and "none" not in found.packages
    assert interpreter.modules_lacking(path, ["numpy", "sympy", "json"]) == ["sympy"]


def test_the_doctor_runs_on_it(python, host, tmp_path):
    # make doctor starts it with PYTHON, the host's own python3.
    command = [python[1], PYTHON / "doctor.py", "--engine", "ascend", "--devices", "0"]
    command += ["--python", python[1], "--ais-python", python[1], "--data", "d", "--weights", "w"]
    command += ["--unique-index", "u", "--inputs", "i", "--parts", "core"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1 and not run.stderr
    supported = "✓" if python[0] in ("3.10", "3.11") else "✗"
    assert f"{supported} Python {python[0]}" in run.stdout
    for word in ("ais_bench.infer 0.0.2", "aclruntime 0.0.2", "device 0", "atc"):
        assert f"✓ {word}" in run.stdout


def test_one_that_does_not_answer_is_a_reason_and_no_traceback(tmp_path, monkeypatch):
    (tmp_path / "python").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(programs, "_TIMEOUT_S", 0.2)
    lacking = interpreter.tools_lacking(str(tmp_path / "python"))
    assert all("it does not end" in said for said in lacking.values())
    assert interpreter.describe(str(tmp_path / "python")) is None


def scripted(folder: Path, name: str, has: bool) -> None:
    """Write an interpreter ``name``, with the stand-in's packages or without."""
    folder.mkdir(exist_ok=True)
    packages = f"PYTHONPATH={TOOLKIT}/python" if has else "PYTHONPATH="
    (folder / name).write_text(f'#!/bin/sh\n{packages} exec {sys.executable} "$@"\n')
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("having", "found"),
    [
        ({"python3", "python3.9", "python3.10"}, "python3"),
        ({"python3.9", "python3.10", "own"}, "python3.9"),
        ({"python3.10", "own"}, "python3.10"),
        ({"own"}, "own"),
    ],
)
def test_it_is_looked_for(host, tmp_path, monkeypatch, having, found):
    for name in ("python3", *(f"python{version}" for version in VERSIONS), "own"):
        scripted(tmp_path / "bin", name, name in having)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    answer = f"AIS_PYTHON={tmp_path}/bin/{found}"
    assert answer in setup(f"{tmp_path}/bin/own")[0].split()
    assert answer in setup(f"{tmp_path}/bin/own", ENGINE="ascend")[0].split()
    # What a person names is taken, or said to be wrong.
    scripted(tmp_path / "bin", "mine", True)
    mine = f"{tmp_path}/bin/mine"
    assert f"AIS_PYTHON={mine}" in setup(f"{tmp_path}/bin/own", AIS_PYTHON=mine)[0].split()
    scripted(tmp_path / "bin", "mine", False)
    answer, note = setup(f"{tmp_path}/bin/own", AIS_PYTHON=mine)
    assert answer == "STOP" and f"{mine} has no ais_bench.infer and aclruntime" in note


def user_site(folder: Path) -> Path:
    """Return the user site of ``sys.executable`` below ``folder``."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return folder / f"lib/python{version}/site-packages"


def test_a_user_site_is_seen_by_the_tools_and_not_by_the_chain(tmp_path):
    base = find_python("3.11")
    site = user_site(tmp_path)
    site.mkdir(parents=True)
    (site / "of_the_user.py").write_text("")
    variables = os.environ | {
        "PYTHONUSERBASE": str(tmp_path),
        "PY": base,
        "ASCEND_SET_ENV": "/none",
    }
    ask = "import importlib.util as u, sys; sys.exit(u.find_spec('of_the_user') is None)"

    def found(*command: str) -> bool:
        script = f'. "{ROOT}/env.sh"; "$@"'
        command = ("bash", "-c", script, "-", *command)
        return subprocess.run(command, env=variables, check=False).returncode == 0

    # atc and ais_bench are run in this environment, the chain's interpreter by python.sh.
    assert found(base, "-c", ask)
    assert not found(f"{ROOT}/scripts/python.sh", "-c", ask)
