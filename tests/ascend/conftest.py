"""A small model and set, converted, checked and with their inputs, for what runs ais_bench."""

import sys

import numpy as np
import onnxruntime
import pytest

from dataset.preprocessing import Preprocessing
from support.ascend import BATCH, COUNT, environment, make_crops, make_model
from support.project import run_module
from support.steps import GUIDE


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with crops, their inputs, a model m.om of batch size 4, and the right outputs."""
    folder = tmp_path_factory.mktemp("run")
    make_model(folder / "m.onnx", BATCH)
    pixels = make_crops(folder / "crops", COUNT)
    common = ("--onnx", folder / "m.onnx", "--batch-size", BATCH, "--log", folder / "atc.log")
    tool = ("--om", folder / "m.om", "--devices", "0,1", "--python", sys.executable)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment().items():
            patch.setenv(name, value)
        for made in (
            run_module("build_om", *common, "--graph", "sim", "--out", folder / "m.om", cwd=folder),
            run_module("check_om", *common, *tool, "--out", folder / "m.om.parity.json"),
        ):
            assert made.returncode == 0, made.stderr
    arguments = ("--crops", folder / "crops", *GUIDE, "--out", folder / "npu.json")
    assert run_module("write_npu_inputs", *arguments).returncode == 0
    session = onnxruntime.InferenceSession(folder / "m.onnx", providers=["CPUExecutionProvider"])
    views = Preprocessing().normalise(np.stack([v for p in pixels for v in (p, p[:, :, ::-1])]))
    padded = np.concatenate([views, views[:2]])
    outputs = [session.run(None, {"image": padded[i : i + 4]})[0] for i in range(0, 20, 4)]
    np.save(folder / "expected.npy", np.concatenate(outputs)[: 2 * COUNT])
    return folder
