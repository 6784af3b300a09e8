"""Which chip, which devices, which engine."""

import os
import subprocess
from pathlib import Path

import pytest

from ascend import npu
from ascend.atc_graph import OPSETS
from common.errors import ChainError
from support.ascend import TOOLKIT, environment, setup
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


def test_default_engine_without_an_npu():
    assert mobile() == ("ENGINE=openvino PRECISION=fp32", "")


def test_default_engine_is_the_fastest_exact_one_for_the_network():
    for net in ("ir_se100", "ir50", "iresnet18"):
        assert setup(NET=net) == ("ENGINE=ncnn PRECISION=fp32", "")
        assert setup(NET=net, PRECISION="fp32") == ("ENGINE=ncnn", "")
    # What openvino alone does goes there, and so does what nothing is known of.
    assert setup(PRECISION="int8") == ("ENGINE=openvino", "")
    assert setup(PRECISION="bf16") == ("ENGINE=openvino", "")
    assert setup(ONNX=f"{ROOT}/Makefile", COLOUR="rgb", MEAN="0", SCALE="1")[0].split()[0] == (
        "ENGINE=openvino"
    )


def mobile(*arguments: str, **values: str) -> tuple[str, str]:
    """Ask of a network whose default engine is openvino."""
    return setup(*arguments, NET="mobilefacenet", **values)


def fake(folder: Path, **answers: str) -> str:
    """Make programs in ``folder`` that print what they are given; return a PATH with them first."""
    for name, answer in answers.items():
        (folder / name).write_text(f"#!/bin/sh\n{answer}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("machine", "getconf", "engine"),
    [
        ("aarch64", "echo glibc 2.35", "openvino"),
        ("aarch64", "echo glibc 2.100", "openvino"),
        ("aarch64", "echo glibc 2.34", "onnxruntime"),
        ("aarch64", "echo glibc 2.9", "onnxruntime"),
        # Unknown: musl, or no getconf.
        ("aarch64", "exit 1", "openvino"),
        ("x86_64", "echo glibc 2.28", "openvino"),
    ],
)
def test_default_engine_is_one_that_can_be_installed(
    monkeypatch, tmp_path, machine, getconf, engine
):
    monkeypatch.setenv("PATH", fake(tmp_path, uname=f"echo {machine}", getconf=getconf))
    found, note = mobile()
    assert found == f"ENGINE={engine} PRECISION=fp32"
    said = "OpenVINO for aarch64 needs glibc 2.35, and this is 2." in note
    assert (said and "using ENGINE=onnxruntime" in note) == bool(note) == (engine != "openvino")
    assert mobile(ENGINE="openvino") == ("PRECISION=fp32", "")


def words(*arguments: str, **values: str) -> set[str]:
    """Return the words of the answer but for the interpreter of ais_bench; there is no note."""
    answer, note = setup(*arguments, **values)
    assert not note
    return {word for word in answer.split() if not word.startswith("AIS_PYTHON=")}


def test_default_engine_on_an_npu(toolkit):
    found = {"ENGINE=ascend", "CHIP=310P3", "PRECISION=fp16"}
    assert words() == found
    for mode in ("one-number", "processes"):
        toolkit(FAKE_NPU_SMI=mode)
        assert words() == found
    toolkit(FAKE_NPU="0:310P3 1:310B1", FAKE_NPU_SMI="")
    assert words() == {"ENGINE=ascend", "PRECISION=fp16"}


def test_default_engine_says_why_it_is_not_the_npu(toolkit, tmp_path):
    toolkit(FAKE_NPU_SMI="fail")
    found, note = mobile()
    assert "ENGINE=openvino" in found.split()
    assert "npu-smi info fails" in note and "make doctor" in note
    toolkit()
    # The unrelated package of that name.
    (tmp_path / "ais_bench").mkdir()
    toolkit(PYTHONPATH=str(tmp_path))
    found, note = mobile()
    assert found.startswith("ENGINE=openvino") and "python3 has no ais_bench.infer" in note
    toolkit(PATH=f"{TOOLKIT / 'driver'}:/usr/bin:/bin", ASCEND_SET_ENV="/none/set_env.sh")
    assert "/none/set_env.sh is not there" in mobile()[1]
    # A choice of one's own is not second-guessed.
    assert mobile(ENGINE="openvino") == ("PRECISION=fp32", "")


def test_converting_is_for_ascend_on_any_host():
    project = Project.__new__(Project)
    project.root = ROOT
    given = ("--dry-run", "om", "NET=mobilefacenet", "DATA=README.md", "WEIGHTS=LICENSE")
    plan = project.make(*given, "CHIP=310P3", "PRECISION=fp32").stdout
    assert "python/build_om.py" in plan and "--graph sim" in plan and "--precision fp32" in plan
    assert "_bs16_fp32.om" in plan and "--needed" not in plan
    for more in (("ENGINE=openvino",), ("report",)):
        result = project.make(*given, *more, ok=False)
        assert "ENGINE=openvino has no .om; add ENGINE=ascend" in result.stderr


def places(folder: Path, **variables: str) -> str:
    """Return the set_env.sh that scripts/cann.sh finds for a person whose home is ``folder``."""
    command = ["bash", "-euc", '. scripts/cann.sh; echo "$ASCEND_SET_ENV"']
    variables = {"HOME": str(folder), "PATH": os.environ["PATH"], **variables}
    return subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_places_of_set_env(tmp_path):
    def put(place: str) -> str:
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "set_env.sh").write_text("")
        return f"{tmp_path}/{place}/set_env.sh"

    assert places(tmp_path) == ""
    # From the last place to the first.
    assert places(tmp_path) != put("Ascend/cann") == places(tmp_path)
    assert put("Ascend/ascend-toolkit") == places(tmp_path)
    assert put("cann-8.5.0") == places(tmp_path, ASCEND_HOME_PATH=f"{tmp_path}/cann-8.5.0")
    put("toolkit")
    (tmp_path / "toolkit/latest").mkdir()
    found = places(tmp_path, ASCEND_HOME_PATH=f"{tmp_path}/toolkit/latest")
    assert Path(found).samefile(tmp_path / "toolkit/set_env.sh")
    # What a person names is taken as it is, there or not.
    assert places(tmp_path, ASCEND_SET_ENV="/none/set_env.sh") == "/none/set_env.sh"
    text = (ROOT / "scripts/cann.sh").read_text()
    assert '{/usr/local,"${HOME:-/nonexistent}"}/Ascend/{ascend-toolkit,cann}' in text


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("DEVICE=0,0", "twice"),
        ("DEVICE=256", "255"),
        ("DEVICE=first", "0,1,2,3"),
        ("CHIP=fast", "310P3"),
        ("AIPP=yes", "0 1"),
        ("OUTFMT=CSV", "NPY BIN TXT"),
        (f"OPSET={OPSETS[-1] + 1}", f"which reads {OPSETS[0]} to {OPSETS[-1]}"),
        (f"OPSET={OPSETS[0] - 1}", f"which reads {OPSETS[0]} to {OPSETS[-1]}"),
        ("OPSET=6", "choose from 9 to 20"),
        ("OPSET=7", "choose from 9 to 20"),
        ("OPSET=25", "choose from 9 to 20"),
        ("ONNX=none.onnx", "ONNX=none.onnx is missing"),
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
