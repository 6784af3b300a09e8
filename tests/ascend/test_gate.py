"""The gate on the device: what the .om gives there is what ONNX Runtime gives for the ONNX."""

import json
import sys

import pytest

from support.ascend import environment, make_model
from support.project import expect_error, run_module
from support.sealing import seal


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with small ONNX files of batch size 1, 3 and 8, and an .om of each."""
    folder = tmp_path_factory.mktemp("gate")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment().items():
            patch.setenv(name, value)
        for batch in (1, 3, 8):
            for aipp in ("", "--aipp") if batch == 8 else ("",):
                name = f"m{batch}{aipp.removeprefix('--')}"
                make_model(folder / f"{name}.onnx", batch)
                given = ("--onnx", folder / f"{name}.onnx", "--batch-size", batch, "--graph", "sim")
                files = ("--log", folder / "log", "--out", folder / f"{name}.om")
                made = run_module("build_om", *given, *files, *filter(None, [aipp]))
                assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def gate(models, tmp_path, monkeypatch):
    """Return a function that runs the gate on a model of that batch size."""

    def run(name: str, *arguments: object, **variables: str):
        for key, value in environment(**({"FAKE_NPU_SMI": ""} | variables)).items():
            monkeypatch.setenv(key, value)
        batch = name.removesuffix("aipp").removeprefix("m")
        given = ("--om", models / f"{name}.om", "--onnx", models / f"{name}.onnx")
        given += ("--batch-size", batch, "--devices", "0", "--python", sys.executable)
        files = ("--log", tmp_path / "log", "--out", tmp_path / "parity.json")
        return run_module("check_om", *given, *files, *arguments)

    return run


@pytest.mark.parametrize("version", ["1", "3"])
@pytest.mark.parametrize(
    ("name", "devices"), [("m1", "0"), ("m3", "1"), ("m8", "0,1"), ("m8aipp", "0")]
)
def test_a_faithful_device_passes(gate, tmp_path, version, name, devices):
    result = gate(name, "--devices", devices, FAKE_AIS_VERSION=version, FAKE_AIS="fp16")
    assert (result.returncode, result.stderr) == (0, "")
    record = json.loads((tmp_path / "parity.json").read_text())
    assert 0.9999 < record["min_cosine"] < 1 + 1e-6
    assert 1e-6 < record["max_relative_error"] < 1e-2
    assert record["required_cosine"] == 0.999 and record["images"] == 4
    # Whole batches of at least four images, for each device.
    assert record["rows"] == {"m1": 4, "m3": 6}.get(name, 8)
    assert record["wall_s"] > 0 and record["batch_ms"] > 0


@pytest.mark.parametrize("fault", ["equal", "constant"])
@pytest.mark.parametrize("devices", ["0", "1,0"])
def test_a_device_that_does_not_see_its_input_fails(gate, tmp_path, fault, devices):
    result = gate("m8", "--devices", devices, FAKE_AIS=fault)
    expect_error(result, "m8.om on device", "does not agree with ONNX Runtime", "make doctor")
    assert not (tmp_path / "parity.json").exists()


def test_single_precision_is_held_to_more(gate, models, tmp_path):
    record = models / "m8.om.json"
    before = record.read_text()
    # Rounding to half precision leaves a cosine of 0.9999999: noise of 1% leaves 0.9999.
    record.write_text(before.replace('"precision": "fp16"', '"precision": "fp32"'))
    seal(record, models / "m8.om")
    assert gate("m8").returncode == 0
    assert json.loads((tmp_path / "parity.json").read_text())["required_cosine"] == 0.99999
    record.write_text(before)
    seal(record, models / "m8.om")


def test_without_the_device_it_says_so(gate, tmp_path):
    for variables in ({"FAKE_NPU_SMI": "fail"}, {"FAKE_NPU": "1:310P3"}, {"FAKE_NPU": "0:310B1"}):
        result = gate("m8", **variables)
        assert result.returncode == 0, result.stderr
        assert "m8.om was not run on a device: " in result.stderr
        assert not (tmp_path / "parity.json").exists()
    expect_error(gate("m8", "--needed", FAKE_NPU="0:310B1"), "device 0 is a 310B1", "CHIP=")
    expect_error(gate("m8", "--needed", FAKE_NPU="1:310P3"), "device 0 cannot be opened")


def test_without_npu_smi_the_device_is_tried(gate, tmp_path):
    # As in a container that is given a device but not the tool.
    assert gate("m8", "--needed", FAKE_NPU_SMI="fail").returncode == 0
    assert (tmp_path / "parity.json").exists()


def test_another_onnx_is_noticed(gate, models):
    expect_error(gate("m8", "--onnx", models / "m3.onnx"), "was not made of")
