"""What the NPU tests share: the stand-in toolkit, and a model and a set that take no time."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ascend import toolkit
from dataset import crop_store
from dataset.preprocessing import Preprocessing
from onnx_graph import store
from support.project import ROOT, run_module
from support.sealing import seal

COUNT, BATCH = 9, 4  # 18 inputs: four batches of four, and one of two
TOOLKIT = ROOT / "tests" / "fake_toolkit"


def environment(**variables: str) -> dict[str, str]:
    """Return environment variables that put the stand-in toolkit in place, as set_env.sh does."""
    return {
        "ASCEND_SET_ENV": str(TOOLKIT / "set_env.sh"),
        "ASCEND_HOME_PATH": str(TOOLKIT),
        "PATH": f"{TOOLKIT / 'driver'}:{TOOLKIT / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(TOOLKIT / "python"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "FAKE_PYTHON": sys.executable,
        **variables,
    }


def setup(python: str = sys.executable, **values: str) -> tuple[str, str]:
    """Return what scripts/setup.sh finds for make report, but for files, and what it notes."""
    variables = defaults() | {
        "DATA": "none.bin", "WEIGHTS": "none.pth", "BATCHES": "1", "AIPP": "", "UNIQUE": "",
        "VENV": "", "PY": python, "PYTHON": sys.executable, **values,
    }  # fmt: skip
    # As for make -n, which does not hold the folder.
    command = ["bash", "-c", '. scripts/setup.sh "$@"', "setup", "-n", "", "report"]
    result = subprocess.run(
        [*command, *(f"{name}={value}" for name, value in variables.items())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.splitlines()[0].removesuffix(" READY"), result.stderr


def defaults() -> dict[str, str]:
    """Return every variable of make with its default, empty where make finds it."""
    text = (ROOT / "scripts/variables.mk").read_text()
    found = re.findall(r"^([A-Z_]+) \?= *(.*)$", text, re.MULTILINE)
    return {name: "" if "$(" in default else default for name, default in found}


def infer(made: Path, out: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the door of ``make infer`` on the set of ``made``: ``out``/out and ``out``/r.json."""
    given = ("--crops", made / "crops", "--inputs", made / "npu.json")
    products = ("--outputs", out / "out", "--run", out / "r.json")
    return run_module("infer_npu", *given, *products, *arguments)


def make_python3(folder: Path) -> str:
    """Make a ``python3`` that has all of atc's packages, if only by name; return its folder."""
    for module in toolkit.ATC_MODULES:
        if importlib.util.find_spec(module) is None:
            (folder / "packages" / module.replace(".", "/")).mkdir(parents=True)
            (folder / "packages" / module.replace(".", "/") / "__init__.py").touch()
    (folder / "bin").mkdir(parents=True)
    packages = f'PYTHONPATH="{folder}/packages:${{PYTHONPATH:-}}"'
    (folder / "bin/python3").write_text(f'#!/bin/sh\n{packages} exec {sys.executable} "$@"\n')
    (folder / "bin/python3").chmod(0o755)
    return str(folder / "bin")


def write_wheel(folder: Path, name: str) -> Path:
    """Write the package ``name`` of the stand-in as a wheel, as people get it; return its path."""
    info = f"{name}-0.0.2.dist-info"
    path = folder / f"{name}-0.0.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for source in sorted((TOOLKIT / "python" / name).rglob("*.py")):
            wheel.write(source, source.relative_to(TOOLKIT / "python"))
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.0.2\n")
        tags = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{info}/WHEEL", tags)
        wheel.writestr(f"{info}/RECORD", "")
    return path


def find_python(version: str) -> str | None:
    """Return an interpreter of that version: one on PATH, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for path in (shutil.which(f"python{version}"), *pyenv.glob(f"versions/{version}.*/bin/python")):
        if (
            path
            and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0
        ):
            return str(path)
    return None


def make_interpreter(version: str, folder: Path) -> str:
    """Make an environment of Python ``version`` with numpy and the stand-in's wheels, no more.

    Returns its interpreter; skips the test where there is no such Python, or no index.
    """
    found = find_python(version)
    if not found:
        pytest.skip(f"needs Python {version}")
    # The pip at hand installs for it: an old one of its own would take ten seconds to put there.
    subprocess.run([found, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    pip += ["--no-compile", "--no-deps", "--only-binary=:all:", "--target", site]
    if subprocess.run([*pip, "--python-version", version, "numpy<2"], check=False).returncode != 0:
        pytest.skip(f"needs a package index with numpy for Python {version}")
    wheels = [write_wheel(folder, name) for name in ("ais_bench", "aclruntime")]
    subprocess.run([*pip, "--no-index", *wheels], check=True)
    return str(folder / "bin/python")


def make_model(path: Path, batch_size: int) -> None:
    """Write a small ONNX in the chain's form: weights beside it, output of unit length."""
    rng = np.random.default_rng(0)
    constants = {
        "shape": np.array([batch_size, 64 * 3], np.int64),
        "weights": rng.standard_normal((64 * 3, 512)).astype(np.float32),
    }
    square = {"kernel_shape": [14, 14], "strides": [14, 14]}
    nodes = [
        helper.make_node("AveragePool", ["image"], ["pooled"], **square),
        helper.make_node("Reshape", ["pooled", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["vector"]),
        helper.make_node("ReduceL2", ["vector"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Div", ["vector", "length"], ["output1"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch_size, 3, 112, 112])],
        [helper.make_tensor_value_info("output1", TensorProto.FLOAT, [batch_size, 512])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
    metadata = {"net": "small", "checkpoint": "small", "weights_sha256": "0"}
    metadata |= {"torch": "0", "opset": "11", "dimension": "512"} | Preprocessing().metadata()
    store.set_metadata(model, metadata)
    store.publish(model, path, "small", lambda p: onnx.checker.check_model(str(p)))


def make_crops(path: Path, count: int) -> np.ndarray:
    """Write a decoded set of ``count`` random crops; return them, uint8 (count, 3, 112, 112)."""
    pixels = np.random.default_rng(1).integers(0, 256, (count, 3, 112, 112), np.uint8)
    crop_store.write(path, count, [pixels])
    crop_store.set_attributes(path, {"source_sha256": "0"})
    seal(path)
    return pixels
