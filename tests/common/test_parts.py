"""The parts: what the code imports is in them, and a step has exactly those of what it imports."""

import re
import sys

import pytest

from common import parts
from support.project import PYTHON, ROOT, Project, imported

PYTHONS = [(3, minor) for minor in range(10, 14)]


def foreign(path) -> set[str]:
    """Return the top-level modules that ``path`` imports, which are neither Python's nor ours."""
    own = {entry.stem for entry in PYTHON.iterdir()}
    return imported(path) - own - set(sys.stdlib_module_names)


def test_every_import_has_one_part():
    for path in PYTHON.rglob("*.py"):
        for module in foreign(path):
            assert len(parts.of_imports({module})) == 1, f"{path} imports {module}"


def test_every_package_of_a_part_is_pinned_for_every_python_and_machine():
    by_part = parts.by_part()
    for version in PYTHONS:
        for machine in ("x86_64", "aarch64"):
            pins = parts.pinned(list(by_part), version, machine)
            absent = {name for names in by_part.values() for name in names} - pins.keys()
            lacking = {"bcolz-zipline"} if machine == "aarch64" or version >= (3, 13) else set()
            assert absent == lacking


def test_the_least_python_has_older_packages():
    assert parts.pins_for((3, 10), "x86_64")["numpy"] == "2.2.6"
    assert parts.pins_for((3, 11), "x86_64")["numpy"] != "2.2.6"
    text = (ROOT / "pyproject.toml").read_text()
    assert 'requires-python = ">=3.10,<3.14"' in text and 'target-version = "py310"' in text


def planned(project: Project, *arguments: str) -> list[str]:
    """Return the parts that a make run would install, in order."""
    text = project.make("-n", *arguments, "VENV=.venv").stdout
    return sorted(set(re.findall(r"scripts/step\.sh install (\w+) ", text)))


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (["accuracy"], "core onnxruntime openvino torch"),
        (["accuracy", "ENGINE=onnxruntime"], "core onnxruntime torch"),
        (["accuracy", "ENGINE=ncnn"], "core ncnn onnxruntime pnnx torch"),
        (["accuracy", "ENGINE=torch"], "core onnxruntime torch"),
        (["accuracy", "PRECISION=int8"], "core int8 onnxruntime openvino torch"),
        (["venv"], "core onnxruntime openvino torch"),
        (["venv", "ENGINE=onnxruntime"], "core onnxruntime torch"),
        (["preprocess"], "core"),
        (["report"], "core report"),
        (["om-lint", "ONNX=x.onnx"], "core"),
        (
            ["accuracy", "ONNX=x.onnx", "COLOUR=rgb", "MEAN=0", "SCALE=1"],
            "core onnxruntime openvino",
        ),
        (["convert-weights"], "core torch"),
        (["embed", "SRC=x.bin", "OUT=out"], "collection core onnxruntime openvino torch"),
        (
            ["embed", "SRC=x.bin", "OUT=s3://bucket/out", "RAY_ADDRESS=auto"],
            "collection core onnxruntime openvino ray s3 torch",
        ),
        (["lint"], "dev"),
        (
            ["test"],
            "collection core demo dev download faiss int8 ncnn onnxruntime openvino pnnx ray "
            "report s3 torch",
        ),
    ],
)
def test_a_goal_installs_what_it_uses(project: Project, goal: list[str], expected: str):
    for name in ("x.bin", "x.pth", "x.onnx"):
        (project.root / name).touch()
    checkpoint = () if "ONNX=x.onnx" in goal else ("NET=mobilefacenet", "WEIGHTS=x.pth")
    assert planned(project, *goal, "DATA=x.bin", *checkpoint) == expected.split()


def test_a_lazy_import_counts_and_a_new_package_is_noticed(project: Project):
    door = project.root / "python/score.py"
    door.write_text(door.read_text() + "\n\ndef late():\n    import skimage\n")
    (project.root / "requirements/report.txt").write_text("Jinja2\n")
    project.make("-n", "peak")
    fragment = (project.root / "result/.stamp/modules.mk").read_text()
    assert re.search(r"^PARTS.score := core demo$", fragment, re.MULTILINE)
