"""ONNX Runtime's provider for the NPU, on a stand-in of onnxruntime-cann."""

import subprocess
import sys

import pytest

from support.ascend import TOOLKIT, environment, make_model
from support.project import PYTHON

LOAD = """
import sys
from pathlib import Path
import numpy as np
import engines
provider, precision, npu = sys.argv[1:]
npu = int(npu) if provider.startswith("CANN") else None
options = engines.Options(precision=precision, provider=provider, npu=npu)
engine = engines.load("onnxruntime", Path("m.onnx"), options)
used = engine.describe()
assert engine.run(np.ones((4, 3, 112, 112), np.float32)).shape == (4, 512)
print(used["provider"], used["precision"], used["device"])
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("CANNExecutionProvider", "fp16", "1"), "CANNExecutionProvider fp16 Ascend310P3"),
        (("CANNExecutionProvider", "fp32", "0"), "CANNExecutionProvider fp32 Ascend310P3"),
        (("CANNExecutionProvider", "fp16", "9"), "CANN failure 107001"),
        (("CPUExecutionProvider", "fp16", "0"), "EP=CPUExecutionProvider has no PRECISION=fp16"),
    ],
)
def test_provider(tmp_path, arguments, said):
    make_model(tmp_path / "m.onnx", 4)
    env = environment(PYTHONPATH=f"{TOOLKIT}/cann_provider:{PYTHON}")
    result = subprocess.run(
        [sys.executable, "-c", LOAD, *arguments],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said in result.stdout + result.stderr
    assert (result.returncode == 0) == (arguments[0].startswith("CANN") and arguments[2] != "9")
