"""Which chip, which devices, which engine."""

import os
import subprocess
import sys

import pytest

from ascend import npu
from support.ascend import TOOLKIT, environment
from support.project import ROOT, Project, expect_error, run_module
from common.errors import ChainError


def listing(**variables: str) -> str:
    result = subprocess.run(
        [TOOLKIT / "bin" / "npu-smi", "info"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout


@pytest.fixture
def toolkit(monkeypatch):
    """Put the stand-in on PATH; further variables by calling it."""

    def put(**variables: str) -> None:
        for name, value in environment(**variables).items():
            monkeypatch.setenv(name, value)

    put()
    return put


@pytest.mark.parametrize("mode", ["", "one-number", "processes"])
def test_devices_are_read_in_every_form_of_the_table(mode):
    text = listing(FAKE_NPU="0:310P3 1:310P3:Warning 12:310P3", FAKE_NPU_SMI=mode)
    assert npu.parse(text) == [(0, "310P3", "OK"), (1, "310P3", "Warning"), (12, "310P3", "OK")]


def test_the_second_row_gives_the_device_number():
    rows = [
        "| 2       310               | OK              | 12.8         41            0    / 0 |",
        "| 1       9                 | 0000:82:00.0    | 0            457  / 7767            |",
        "+===========================+=================+=====================================+",
        "| 7     Ascend910           | Alarm           | -           50        0    / 0      |",
        "| 0                         | 0000:C1:00.0    | 0            0 / 0       0 / 65536  |",
        "| 7     0                   | 1333928         | python                  | 37709     |",
    ]
    assert npu.parse("\n".join(rows)) == [(9, "310", "OK"), (7, "Ascend910", "Alarm")]


@pytest.mark.parametrize(
    ("name", "soc"),
    [("310P3", "Ascend310P3"), ("910B4-1", "Ascend910B4-1"), ("Ascend910", "Ascend910")],
)
def test_soc_version(name, soc):
    assert npu.soc_version(name) == soc


def test_detect_chip_script(toolkit):
    command = [ROOT / "scripts" / "detect_chip.sh", sys.executable]
    assert subprocess.check_output(command, text=True) == "310P3\n"


def test_mixed_chips_are_refused(toolkit):
    toolkit(FAKE_NPU="0:310P3 1:310B1")
    expect_error(run_module("npu"), "CHIP=310B1 or 310P3")


@pytest.mark.parametrize(("mode", "why"), [("fail", "status 1"), ("empty", "no device")])
def test_npu_smi_that_does_not_help(toolkit, mode, why):
    toolkit(FAKE_NPU_SMI=mode)
    expect_error(run_module("npu"), why)


def test_no_npu_smi(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ChainError, match="not on PATH"):
        npu.devices()


def default_engine(python: str = sys.executable) -> tuple[str, str]:
    result = subprocess.run(
        [ROOT / "scripts" / "default_engine.sh", python, sys.executable],
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip(), result.stderr


def test_default_engine_without_an_npu(monkeypatch):
    monkeypatch.setenv("ASCEND_SET_ENV", "/nonexistent")
    assert default_engine() == ("openvino", "")


def test_default_engine_on_an_npu(toolkit):
    assert default_engine() == ("ascend 310P3", "")
    # An environment that is still to be made is looked at through the toolkit's PYTHONPATH.
    assert default_engine("/nonexistent/python") == ("ascend 310P3", "")
    toolkit(FAKE_NPU="0:310P3 1:310B1")
    assert default_engine() == ("ascend", "")


def test_default_engine_says_why_it_is_not_the_npu(toolkit, tmp_path):
    toolkit(FAKE_NPU_SMI="fail")
    engine, note = default_engine()
    assert engine == "openvino" and "npu-smi info fails" in note and "make doctor" in note
    toolkit()
    (tmp_path / "ais_bench").mkdir()
    script = tmp_path / "set_env.sh"
    script.write_text(f"PATH={TOOLKIT}/bin:$PATH\nexport PYTHONPATH={tmp_path}\n")
    toolkit(ASCEND_SET_ENV=str(script))
    assert default_engine()[0] == "openvino"


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("DEVICE=0,0", "twice"),
        ("DEVICE=256", "255"),
        ("DEVICE=first", "0,1,2,3"),
        ("CHIP=fast", "310P3"),
        ("AIPP=yes", "0 1"),
        ("TUNE=2", "0 1"),
        ("OUTFMT=TXT", "NPY BIN"),
        ("ATC_FLAGS=fast", "--name=value"),
        ("ATC_FLAGS=--a=`id`", "--name=value"),
        ("THREADS=4", "leave it out"),
        ("EP=CPUExecutionProvider", "leave it out"),
        ("PRECISION=int8", "fp16 fp32"),
    ],
)
def test_wrong_values_stop_at_once(setting, why):
    project = Project.__new__(Project)
    project.root = ROOT
    result = project.make("--dry-run", "om", "ENGINE=ascend", setting, ok=False)
    assert why in result.stderr
