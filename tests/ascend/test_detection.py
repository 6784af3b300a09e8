"""Which chip, which devices, which engine."""

import os
import re
import subprocess
import sys

import pytest

from ascend import npu
from common.errors import ChainError
from support.ascend import TOOLKIT, environment
from support.project import ROOT, Project


def listing(**variables: str) -> str:
    result = subprocess.run(
        [TOOLKIT / "driver" / "npu-smi", "info"],
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


def test_mixed_chips_are_refused(toolkit):
    toolkit(FAKE_NPU="0:310P3 1:310B1")
    with pytest.raises(ChainError, match="CHIP=310B1 or 310P3"):
        npu.chip(npu.devices())


@pytest.mark.parametrize(("mode", "why"), [("fail", "status 1"), ("empty", "no device")])
def test_npu_smi_that_does_not_help(toolkit, mode, why):
    toolkit(FAKE_NPU_SMI=mode)
    with pytest.raises(ChainError, match=why):
        npu.chip(npu.devices())


def test_no_npu_smi(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ChainError, match="not on PATH"):
        npu.devices()


def setup(python: str = sys.executable, **values: str) -> tuple[str, str]:
    """Return what scripts/setup.sh finds for make report, but for files, and what it notes."""
    variables = dict.fromkeys(engines_and_variables(), "") | {
        "NET": "ir_se100", "DATA": "none.bin", "WEIGHTS": "none.pth", "BS": "16", "BATCHES": "1",
        "WARMUP": "5", "OPSET": "11", "BACKBONE": "builtin", "OUTFMT": "NPY", "PY": python,
        "REFERENCE_REPO": "x", "PYTHON": sys.executable, **values,
    }  # fmt: skip
    command = ["bash", "-c", '. scripts/setup.sh "$@"', "setup", "", "report"]
    result = subprocess.run(
        [*command, *(f"{name}={value}" for name, value in variables.items())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.splitlines()[0], result.stderr


def engines_and_variables() -> list[str]:
    text = (ROOT / "scripts/variables.mk").read_text()
    return re.findall(r"^([A-Z_]+) \?=", text, re.MULTILINE)


def test_default_engine_without_an_npu():
    assert setup() == ("ENGINE=openvino PRECISION=fp32", "")


def test_default_engine_on_an_npu(toolkit):
    found = "ENGINE=ascend CHIP=310P3 PRECISION=fp16"
    assert setup() == (found, "")
    # An environment that is still to be made is looked at through PYTHONPATH.
    assert setup("/nonexistent/python") == (found, "")
    for mode in ("one-number", "processes"):
        toolkit(FAKE_NPU_SMI=mode)
        assert setup() == (found, "")
    toolkit(FAKE_NPU="0:310P3 1:310B1", FAKE_NPU_SMI="")
    assert setup() == ("ENGINE=ascend PRECISION=fp16", "")


def test_default_engine_says_why_it_is_not_the_npu(toolkit, tmp_path):
    toolkit(FAKE_NPU_SMI="fail")
    found, note = setup()
    assert found.startswith("ENGINE=openvino")
    assert "npu-smi info fails" in note and "make doctor" in note
    toolkit()
    # The unrelated package of that name.
    (tmp_path / "ais_bench").mkdir()
    toolkit(PYTHONPATH=str(tmp_path))
    found, note = setup()
    assert found.startswith("ENGINE=openvino") and "no ais_bench.infer" in note
    toolkit(PATH=f"{TOOLKIT / 'driver'}:/usr/bin:/bin", ASCEND_SET_ENV="/none/set_env.sh")
    assert "/none/set_env.sh is not there" in setup()[1]
    # A choice of one's own is not second-guessed.
    assert setup(ENGINE="openvino") == ("PRECISION=fp32", "")


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("DEVICE=0,0", "twice"),
        ("DEVICE=256", "255"),
        ("DEVICE=first", "0,1,2,3"),
        ("CHIP=fast", "310P3"),
        ("AIPP=yes", "0 1"),
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
