"""Simplified ONNX -> .om: atc's flags, its ways to fail, and what is kept."""

import json
import re

import onnx
import pytest

from ascend import aipp, atc
from common.errors import ChainError
from dataset.preprocessing import Preprocessing
from support.ascend import environment, make_model
from support.project import expect_error, run_module


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Return a function that converts a small model; its variables steer the stand-in."""
    monkeypatch.chdir(tmp_path)
    make_model(tmp_path / "model" / "m_bs4_sim.onnx", 4)

    def run(*arguments: str, **variables: str):
        for name, value in environment(**variables).items():
            monkeypatch.setenv(name, value)
        fixed = ("--onnx", "model/m_bs4_sim.onnx", "--out", "model/m_bs4.om")
        log = ("--log", "result/log/atc.log", "--batch-size", "4", "--graph", "sim")
        return run_module("build_om", *fixed, *log, *arguments, cwd=tmp_path)

    return run


def test_product_log_and_record(build, tmp_path):
    result = build("--aipp", "--flags=--log=debug --buffer_optimize=l2_optimize")
    assert result.returncode == 0, result.stderr
    header, _, model = (tmp_path / "model/m_bs4.om").read_bytes().partition(b"\n")
    header = json.loads(header)
    assert header["soc"] == "Ascend310P3" and header["shape"] == [4, 3, 112, 112]
    assert header["aipp"]["min_chn_0"] == "127.5" and header["aipp"]["csc_switch"] == "false"
    assert onnx.load_from_string(model).graph.initializer[1].raw_data  # self-contained
    record = json.loads((tmp_path / "model/m_bs4.om.json").read_text())
    assert record["precision"] == "fp16" and record["aipp"] and record["batch_size"] == 4
    assert "--log=debug" in record["atc_flags"] and "--log=error" not in record["atc_flags"]
    assert "--enable_small_channel=1" in record["atc_flags"]
    assert "ATC run success" in (tmp_path / "result/log/atc.log").read_text()
    # Nothing that atc dropped, no second copy of the weights.
    left = {re.sub(r"_[0-9a-f]{16}", "", p.name) for p in (tmp_path / "model").iterdir()}
    assert left == {"m_bs4_sim.onnx", "small.data", "m_bs4.om", "m_bs4.om.json", ".seal"}


def test_name_with_platform_is_accepted(build, tmp_path):
    assert build(FAKE_ATC="platform").returncode == 0
    assert (tmp_path / "model/m_bs4.om").stat().st_size > 0


@pytest.mark.parametrize(
    ("fault", "reading"),
    [
        ("EZ0501", "not registered"),
        ("EZ3002", "not supported on this chip"),
        ("EZ3003", "no kernel"),
        ("EZ9010", "another OPSET="),
        ("E19010", "another OPSET="),
        ("E20001", "could not be compiled"),
        ("E40001", "make doctor tells which"),
        ("E40020", "a Python package that atc needs is missing"),
        ("E40021", "often because a Python package"),
        ("status", "no error code"),
        ("silent", "without saying"),
        ("nothing", "wrote no .om"),
        ("empty", "wrote no .om"),
    ],
)
def test_every_way_to_fail(build, tmp_path, fault, reading):
    (tmp_path / "model/m_bs4.om").write_bytes(b"old")
    result = build(FAKE_ATC=fault)
    expect_error(result, reading, "result/log/atc.log")
    if fault.startswith("E"):
        assert f"atc: {fault}: " in result.stderr
    assert (tmp_path / "result/log/atc.log").exists()
    assert (tmp_path / "model/m_bs4.om").read_bytes() == b"old"
    assert not list((tmp_path / "model").glob(".atc*"))


def test_of_a_part_in_python_that_fails_the_error_is_shown_and_no_traceback():
    output = (
        "ATC start working now, please wait for a moment.\n"
        "Traceback (most recent call last):\n"
        '  File "te_fusion/parallel_compilation.py", line 7, in run\n'
        "    log.write(text)\n"
        "OSError: [Errno 28] No space left on device\n"
    )
    verdict = atc.judge(1, output, None)
    assert verdict.lines == ["OSError: [Errno 28] No space left on device"]


def test_chip_overrides_detection(build):
    expect_error(build("--chip", "999", FAKE_NPU_SMI="fail"), "E10001")
    expect_error(build(FAKE_NPU_SMI="fail"), "npu-smi")
    assert build("--chip", "Ascend310B1", FAKE_NPU_SMI="fail").returncode == 0


def test_without_atc(build, monkeypatch):
    expect_error(build(PATH="/nonexistent"), "atc is not on PATH")


@pytest.mark.parametrize(
    "flag", ["--model=x", "--soc_version=Ascend310", "--input_shape=a:1", "-x"]
)
def test_flags_that_the_chain_decides_are_refused(build, flag):
    expect_error(build(f"--flags={flag}"), "ATC_FLAGS")


def test_guide_flags():
    given = atc.flags(16, "Ascend310P3", "image", "fp16", False, [])
    assert given == [
        "--framework=5",
        "--model=model.onnx",
        "--output=model",
        "--input_format=NCHW",
        "--input_shape=image:16,3,112,112",
        "--log=error",
        "--soc_version=Ascend310P3",
    ]
    with_aipp = atc.flags(1, "Ascend310P3", "image", "fp32", True, [])
    assert with_aipp[7:] == [
        "--precision_mode=must_keep_origin_dtype",
        "--insert_op_conf=aipp.cfg",
        "--enable_small_channel=1",
    ]


def test_precision_of():
    assert atc.precision_of("fp16", []) == "fp16"
    assert atc.precision_of("fp32", ["--precision_mode=must_keep_origin_dtype"]) == "fp32"
    assert (
        atc.precision_of("fp16", ["--precision_mode=allow_mix_precision"]) == "allow_mix_precision"
    )
    with pytest.raises(ChainError, match="PRECISION=fp32"):
        atc.precision_of("fp32", ["--precision_mode=force_fp16"])


def test_aipp_normalises_as_the_chain_does():
    entries = dict(re.findall(r"(\w+): (\S+)", aipp.config(Preprocessing())))
    for value in range(256):
        normalised = (value - float(entries["min_chn_1"])) * float(entries["var_reci_chn_1"])
        assert normalised == pytest.approx((value / 255 - 0.5) / 0.5, abs=1e-6)
