"""make doctor: a tick, or a cross and a remedy; it fails where the chain would."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import openvino
import pytest

from ascend import toolkit
from engines.arithmetic import precisions
from host_checks import packages
from support.ascend import TOOLKIT, environment, find_python, make_python3
from support.project import PYTHON, ROOT, Project


@pytest.fixture
def doctor(tmp_path):
    """Return a function that runs the doctor for ENGINE=ascend and returns status and text."""
    (tmp_path / "set.bin").write_bytes(b"x")
    (tmp_path / "net.pth").write_bytes(b"x")
    # A toolkit that tells its version, and a python3 that has all of atc's packages.
    package(tmp_path / "cann", "ascend_toolkit_install.info", "package_name=x\nversion=9.1.0\n")
    bin_folder = make_python3(tmp_path / "atc")

    def run(*arguments: str, **variables: str) -> tuple[int, str]:
        command = [sys.executable, PYTHON / "doctor.py", "--engine", "ascend", "--devices", "0"]
        command += ["--python", sys.executable, "--parts", "core", "--ais-python", sys.executable]
        command += ["--data", "set.bin", "--weights", "net.pth"]
        command += ["--unique-index", "data/set_unique.npy", "--inputs", "data/set_npu", *arguments]
        chosen = {"ASCEND_HOME_PATH": str(tmp_path / "cann"), **variables}
        env = os.environ | environment(**chosen)
        env["PATH"] = f"{bin_folder}:{env['PATH']}"
        result = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert not result.stderr
        return result.returncode, result.stdout

    return run


def package(folder: Path, name: str, text: str = "") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_all_is_there(doctor):
    status, text = doctor()
    assert status == 0, text
    assert "✗" not in text and text.count("✓") == 16
    for word in ("set_env.sh", "atc", "npu-smi", "device 0", "ais_bench.infer", "aclruntime"):
        assert f"✓ {word}" in text
    for word in ("CANN 9.1.0", "python3 of atc", "packages of atc", "interpreter of ais_bench"):
        assert f"✓ {word}" in text
    for word in ("Python packages", "free disk", "verification set", "checkpoint"):
        assert f"✓ {word}" in text


@pytest.mark.parametrize(
    ("arguments", "variables", "cross", "remedy"),
    [
        ((), {"PATH": "/usr/bin:/bin"}, "atc", "install the CANN toolkit"),
        ((), {"FAKE_NPU_SMI": "fail"}, "npu-smi", "driver"),
        ((), {"FAKE_NPU": "0:310P3:Alarm"}, "device 0 (310P3): Alarm", "health -i 0"),
        ((), {"FAKE_NPU": "0:310P3 1:310B1"}, "chip: this machine has different", "CHIP="),
        ((), {"FAKE_NPU": ""}, "npu-smi: 0 device(s)", "driver"),
        (("--devices", "0,5"), {}, "device 5", "there are 0, 1"),
        (("--chip", "310B1"), {}, "device 0 is a 310P3, not the 310B1", "chip name"),
        ((), {"PYTHONPATH": ""}, "ais_bench.infer: not installed", "AIS_PYTHON="),
        ((), {"PYTHONPATH": ""}, "aclruntime: ModuleNotFoundError", "aclruntime-*.whl"),
        (("--ais-python", "/none/python"), {}, "ais_bench: /none/python cannot", "AIS_PYTHON="),
        (("--data", "none.bin"), {}, "verification set none.bin", "DATA="),
        (("--weights", "none.pth"), {}, "checkpoint none.pth", "WEIGHTS="),
        (("--python", "/bin/false"), {}, "/bin/false runs", "PYTHON="),
    ],
)
def test_each_fault_has_a_cross_and_a_remedy(doctor, arguments, variables, cross, remedy):
    status, text = doctor(*arguments, **variables)
    assert status == 1
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"  ✗ {cross}"))
    assert lines[at + 1].startswith("      -> ") and remedy in lines[at + 1]


def test_the_unrelated_package_of_that_name(doctor, tmp_path):
    package(tmp_path / "site", "ais_bench/__init__.py")
    package(tmp_path / "site", "ais_bench/benchmark/__init__.py")
    package(tmp_path / "site", "aclruntime.py", "InferenceSession = session_options = None")
    status, text = doctor(PYTHONPATH=str(tmp_path / "site"))
    assert status == 1
    assert "✗ ais_bench.infer: this is ais-bench-benchmark" in text and "pip uninstall" in text
    assert "✓ aclruntime" in text


def test_a_package_that_does_not_load(doctor, tmp_path):
    package(tmp_path / "site", "ais_bench/__init__.py")
    package(tmp_path / "site", "ais_bench/infer/__init__.py", "import aclruntime")
    package(tmp_path / "site", "aclruntime.py", "raise ImportError('libascendcl.so: no such file')")
    text = doctor(PYTHONPATH=str(tmp_path / "site"))[1]
    assert "✗ ais_bench.infer: ImportError: libascendcl.so" in text
    assert "✗ aclruntime: ImportError: libascendcl.so" in text


def test_npu_smi_is_not_needed_with_the_chip_named(doctor):
    status, text = doctor("--chip", "310P3", FAKE_NPU_SMI="fail")
    assert status == 0 and "✗ npu-smi" in text and "does not stop the run" in text
    status, text = doctor(ASCEND_SET_ENV="/none")
    assert status == 0 and f"✓ atc: {TOOLKIT}" in text


def test_packages_of_atc_are_tried_one_by_one(doctor, tmp_path):
    package(tmp_path / "atc/packages", "attr/__init__.py", "raise ImportError('broken')")
    shutil.rmtree(tmp_path / "atc/packages/pathlib2")
    status, text = doctor()
    assert status == 1 and "✗ packages of atc: attrs, pathlib2 missing" in text
    assert "-m pip install attrs pathlib2" in text


def test_a_toolkit_that_does_not_tell_its_version(doctor, tmp_path):
    (tmp_path / "cann/ascend_toolkit_install.info").write_text("version=7.0.0\n")
    status, text = doctor()
    assert status == 0 and "✗ CANN 7.0.0: nothing known about it" in text
    (tmp_path / "cann/ascend_toolkit_install.info").unlink()
    assert "✗ CANN: its version is not told (does not stop the run)" in doctor()[1]


@pytest.mark.parametrize(
    ("cann", "python", "numpy", "faults"),
    [
        ("6.0.1", "3.9.7", "1.21.6", 0),
        ("6.0.1", "3.10.13", "1.21.6", 1),
        ("6.0.1", "3.7.9", "1.14.0", 1),
        ("8.0.RC2", "3.10.13", "1.24.4", 0),
        ("8.0.RC3", "3.10.13", "1.18.5", 1),
        ("8.0.RC2", "3.11.4", "1.24.4", 1),
        ("8.0", "3.11.4", "1.24.4", 0),
        ("8.0.0", "3.11.7", "1.26.0", 2),
        ("8.5.0", "3.13.0", "1.26.4", 0),
        ("8.5.0", "3.12.1", "2.0.1", 1),
        ("9.1.0", "3.14.0", "2.4.0", 0),
        ("7.0.0", "3.9.1", "1.21.6", None),
        ("8.0.RC1", "3.9.1", "1.21.6", None),
        ("8.2.0", "3.9.1", "1.21.6", None),
    ],
)
def test_the_table_of_cann_python_and_numpy(cann, python, numpy, faults):
    row = toolkit.needs(cann)
    assert (row is None) == (faults is None)
    if row:
        assert len(toolkit.unmet(row, python, numpy)) == faults


def test_disk_is_estimated(doctor, tmp_path):
    (tmp_path / "data").mkdir()
    with (tmp_path / "data/set_unique.npy").open("wb") as file:
        file.truncate(128 + 8 * 12_000)
    assert "about 4.6 GB needed" in doctor()[1]
    assert "about 1.9 GB needed" in doctor("--aipp")[1]


def test_the_precisions_of_the_processor(doctor):
    assert doctor()[1].startswith("ENGINE=ascend, PRECISION=fp16 fp32\n")
    said = doctor("--engine", "onnxruntime")[1]
    assert said.startswith("ENGINE=onnxruntime, this processor has PRECISION=fp32\n")
    # What OpenVINO says itself, as its engine's check asks it.
    has = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    expected = [p for p in ("fp32", "bf16", "int8") if p.upper() in has]
    said = doctor("--engine", "openvino")[1]
    assert said.startswith(f"ENGINE=openvino, this processor has PRECISION={' '.join(expected)}\n")
    assert precisions("openvino", {"avx2"}) == ["fp32", "int8"]
    assert precisions("openvino", {"avx512f", "avx512_bf16"}) == ["fp32", "bf16", "int8"]
    assert precisions("torch", {"asimdhp"}) == ["fp32", "fp16", "bf16"]


@pytest.mark.parametrize(
    ("machine", "version", "ok"),
    [
        ("aarch64", "2.31", [False]),
        ("aarch64", "2.35", [True]),
        ("aarch64", "2.100", [True]),
        ("x86_64", "2.28", []),
    ],
)
def test_the_glibc_of_a_wheel(monkeypatch, machine, version, ok):
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.libc_ver", lambda: ("glibc", version))
    assert [check.ok for check in packages.libc("openvino")] == ok
    assert packages.libc("onnxruntime") == []


def test_only_packages_of_the_chosen_parts_are_asked_for(doctor, tmp_path):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    status, text = doctor("--python", str(bare / "bin/python"), "--parts", "core", "openvino")
    assert status == 1 and "run make venv, or " in text
    assert "-m pip install -r requirements/core.txt -r requirements/openvino.txt" in text
    (missing,) = (line for line in text.splitlines() if "✗ Python packages" in line)
    assert "numpy" in missing and "openvino" in missing
    assert "torch" not in missing and "nncf" not in missing and "pytest" not in missing


@pytest.mark.parametrize("version", ["3.7", "3.13"])
def test_it_runs_on_any_python(version):
    python = find_python(version)
    if not python:
        pytest.skip(f"needs Python {version}")
    project = Project.__new__(Project)
    project.root = ROOT
    given = ("doctor", f"PYTHON={python}", "ENGINE=openvino", "DATA=README.md", "WEIGHTS=LICENSE")
    said = project.make(*given, ok=False).stdout
    assert "this processor has PRECISION=fp32" in said
    mark = "✓" if version == "3.13" else "✗"
    assert f"{mark} Python {version}" in said and "✗ Python packages" in said
    assert "use Python 3.10 to 3.13" in said or version == "3.13"


def test_other_engines_need_less(doctor):
    status, text = doctor("--engine", "openvino", PATH="", PYTHONPATH="")
    assert status == 0 and "npu-smi" not in text
    status, text = doctor("--engine", "onnxruntime", "--provider", "CANNExecutionProvider")
    assert status == 1 and "✗ onnxruntime has CANNExecutionProvider" in text
    cann = str(TOOLKIT / "cann_provider")
    arguments = ("--engine", "onnxruntime", "--provider", "CANNExecutionProvider")
    status, text = doctor(*arguments, PYTHONPATH=cann)
    assert status == 0, text
