"""The stand-in keeps to the tools' documented behaviour, the unpleasant parts included."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.ascend import TOOLKIT, environment, make_model
from support.project import run_module

SIZE = 150_528


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model of batch size 4."""
    folder = tmp_path_factory.mktemp("toolkit")
    make_model(folder / "m.onnx", 4)
    common = ("--onnx", "m.onnx", "--batch-size", 4, "--log", "log", "--out", "m.om")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment().items():
            patch.setenv(name, value)
        assert run_module("build_om", *common, cwd=folder).returncode == 0
    return folder


@pytest.fixture
def ais_bench(folder, tmp_path):
    """Return a function that runs the front end on inputs of the given sizes."""

    def run(sizes: dict[str, int], *arguments: str, **variables: str):
        (tmp_path / "in").mkdir(exist_ok=True)
        for name, size in sizes.items():
            (tmp_path / "in" / name).write_bytes(np.ones(size // 4, np.float32).tobytes())
        command = [sys.executable, "-m", "ais_bench", "--model", "m.om", "--input", tmp_path / "in"]
        command += ["--output", tmp_path, *arguments]
        env = os.environ | environment(**variables)
        return subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, check=False
        )

    return run


def test_grouping_padding_order_and_names(ais_bench, tmp_path):
    names = ["10.bin", "9.bin", "0_flip.bin", "0.bin", "a.x.bin", "a.y.bin"]
    sizes = dict.fromkeys([*names, "notes.txt"], SIZE)
    result = ais_bench(sizes, "--outfmt", "TXT", "--output_dirname", "d", "--batchsize", "16")
    assert result.returncode == 0, result.stderr
    summary = json.loads((tmp_path / "d_summary.json").read_text())
    order = [Path(i).name for s in summary["filesinfo"].values() for i in s["infiles"]]
    assert order == ["0.bin", "0_flip.bin", "9.bin", "10.bin", "a.x.bin", "a.y.bin"]
    # Two stems collide; the tail is padded and its padding not written.
    written = {p.name for p in (tmp_path / "d").iterdir()}
    assert written == {"0_0.txt", "0_flip_0.txt", "9_0.txt", "10_0.txt", "a_0.txt"}
    assert len((tmp_path / "d/9_0.txt").read_text().split(" ")) == 513
    # A wrong batch size only scales the throughput.
    mean = summary["NPU_compute_time"]["mean"]
    assert summary["throughput"] == pytest.approx(16_000 / mean)
    assert list(summary)[:3] == ["filesinfo", "args", "NPU_compute_time"]
    assert len(summary["npu_compute_time_list"]) == summary["NPU_compute_time"]["count"] == 2
    assert "[INFO] throughput 1000*batchsize.mean(16)/NPU_compute_time.mean(" in result.stdout


def test_sizes_that_cancel_out_are_not_noticed(ais_bench, tmp_path):
    sizes = {"0.bin": SIZE, "1.bin": SIZE - 4, "2.bin": SIZE + 4, "3.bin": SIZE}
    assert ais_bench(sizes).returncode == 0
    (stamp,) = [p for p in tmp_path.iterdir() if p.is_dir() and p.name != "in"]
    assert stamp.with_name(f"{stamp.name}_summary.json").exists()
    assert {p.suffix for p in stamp.iterdir()} == {".bin"}


@pytest.mark.parametrize(
    ("sizes", "arguments", "variables", "status"),
    [
        ({"0.bin": SIZE - 4}, (), {}, 1),
        ({"0.bin": SIZE, "1.bin": SIZE - 4}, (), {}, 1),
        ({}, (), {}, 1),
        ({"0.bin": SIZE}, ("--device", "9"), {}, 1),
        ({"0.bin": SIZE}, ("--device", "256"), {}, 2),
        ({"0.bin": SIZE}, ("--outfmt", "CSV"), {}, 2),
        ({"0.bin": SIZE}, ("--divide_input", "1"), {}, 2),
        ({"a+b.bin": SIZE}, ("--output_dirname", "a+b"), {"FAKE_AIS_VERSION": "3"}, 2),
    ],
)
def test_exit_statuses(ais_bench, sizes, arguments, variables, status):
    assert ais_bench(sizes, *arguments, **variables).returncode == status


def test_atc_refuses_weights_beside_the_graph(folder, tmp_path):
    command = [sys.executable, TOOLKIT / "atc.py", "--framework=5", f"--model={folder}/m.onnx"]
    command += ["--output=x", "--input_format=NCHW", "--input_shape=image:4,3,112,112"]
    arguments = {"cwd": tmp_path, "capture_output": True, "text": True, "check": False}
    result = subprocess.run([*command, "--soc_version=Ascend310P3"], **arguments)
    assert result.returncode == 1 and "external data" in result.stdout
    result = subprocess.run([*command, "--soc_version=Ascend1"], **arguments)
    assert result.returncode == 1 and "soc_version" in result.stdout
    result = subprocess.run([*command, "--speed=9"], **arguments)
    assert result.returncode == 1 and "unknown command line flag" in result.stdout
