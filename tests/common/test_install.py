"""Parts, really installed by pip from a folder of wheels that are empty but for their names."""

import os
import re
import subprocess
import sys
import zipfile

import pytest

from common import parts
from support.project import expect_error


def empty_wheel(folder, name, version):
    folder.mkdir(exist_ok=True)
    info = f"{name.replace('-', '_')}-{version}"
    with zipfile.ZipFile(folder / f"{info}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            f"{info}.dist-info/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        )
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{info}.dist-info/WHEEL", tags)
        wheel.writestr(f"{info}.dist-info/RECORD", "")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of wheels of every pinned package, which pip takes instead of its index."""
    folder = tmp_path / "wheels"
    for minor in (10, 12):  # between them the pins of all Pythons
        for name, pin in parts.pins_for((3, minor), "x86_64").items():
            empty_wheel(folder, name, pin)
    for name in [n for n in os.environ if n.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def installed(project) -> dict[str, str]:
    listed = project.root.glob(".venv/lib/python*/site-packages/*.dist-info")
    found = dict(path.name.removesuffix(".dist-info").rsplit("-", 1) for path in listed)
    return {parts.normal(name): version for name, version in found.items()}


def made(output: str) -> list[str]:
    return sorted(re.findall(r"^  install +(\w+) +[0-9.]+ s$", output, re.MULTILINE))


def test_parts_come_when_they_are_needed_one_at_a_time(project, index):
    first = project.make("-j4", "venv", "ENGINE=onnxruntime", "VENV=.venv")
    assert made(first.stdout) == ["core", "onnxruntime", "torch"]
    brought = installed(project)
    assert {"numpy", "onnxruntime", "torch"} < brought.keys()
    assert not {"openvino", "nncf", "jinja2", "gdown", "pytest"} & brought.keys()
    # Said before it is downloaded, once.
    assert first.stderr.count("torch for CUDA brings about 3 GB; TORCH_INDEX_URL=https://") == 1
    second = project.make("venv", "ENGINE=openvino", "PRECISION=int8", "VENV=.venv")
    assert made(second.stdout) == ["int8", "openvino"] and second.stderr == ""
    assert {"openvino", "nncf"} < installed(project).keys()
    assert made(project.make("venv", "ENGINE=openvino", "VENV=.venv").stdout) == []


def test_torch_alone_comes_from_its_index(project, index, tmp_path, monkeypatch):
    other = tmp_path / "other/simple"
    for name, version in (("torch", "2.13.0+cpu"), ("numpy", "99.0"), ("filelock", "99.0")):
        other.mkdir(parents=True, exist_ok=True)
        empty_wheel(other / name, name, version)
        links = (f'<a href="{path.name}">{path.name}</a>' for path in (other / name).iterdir())
        (other / name / "index.html").write_text("".join(links))
    # The ordinary index stays the folder: an index that is named counts only without this.
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "none").as_uri())
    address = f"TORCH_INDEX_URL=file://{other}"
    result = project.make("venv", "ENGINE=torch", address, "VENV=.venv")
    brought = installed(project)
    assert brought["torch"] == "2.13.0+cpu" and "99.0" not in brought.values()
    assert "3 GB" not in result.stderr


def test_torch_that_its_index_does_not_have(project, index, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    subprocess.run([sys.executable, "-m", "venv", project.root / ".venv"], check=True)
    for part in ("core", "onnxruntime"):
        (project.root / f".venv/.installed-{part}").touch()
    address = "TORCH_INDEX_URL=file:///none/simple"
    result = project.make("venv", "ENGINE=torch", address, "VENV=.venv", ok=False)
    expect_error(result, "torch could not be installed from TORCH_INDEX_URL=file:///none/simple")
    assert not (project.root / ".venv/.installed-torch").exists()
