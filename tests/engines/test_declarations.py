"""engines.mk: every engine has its line, and takes the options that the line names, no others."""

import re
import sys

import numpy as np
import pytest

import engines
from common.errors import ChainError
from support.ascend import TOOLKIT
from support.project import PYTHON

# For each option a value that an engine which takes it honours on any machine.
VALUES = {
    "provider": "CPUExecutionProvider",
    "threads": 1,
    "streams": 2,
    "device": "cpu",
    "npu": 1,
    "mode": "eager",
    "ais_python": sys.executable,
}
NAMES = ("ascend", "ncnn", "onnxruntime", "openvino", "torch")


@pytest.fixture(autouse=True)
def ais_bench(monkeypatch):
    """What ENGINE=ascend looks for on any machine: the stand-in's packages."""
    monkeypatch.setenv("PYTHONPATH", str(TOOLKIT / "python"))


def options(name: str, **chosen: object) -> engines.Options:
    if name == "ascend":
        chosen = {"ais_python": sys.executable} | chosen
    return engines.Options(precision=engines.declared()[name].precisions[0], **chosen)


def takes(name: str, option: str) -> bool:
    return engines._VARIABLES[option] in engines.declared()[name].variables


def test_every_engine_has_a_line_and_every_line_an_engine():
    files = {
        path.stem
        for path in (PYTHON / "engines").glob("*.py")
        if re.search(r"(?m)^class Engine\(engines\.Engine\):", path.read_text("utf-8"))
    }
    declared = engines.declared()
    assert tuple(declared) == NAMES
    # ais_bench runs ascend's files, so that it has none.
    assert files == set(declared) - {"ascend"}
    assert {name for name, line in declared.items() if line.arrays} == files


def test_the_defaults():
    first = {name: line.precisions[0] for name, line in engines.declared().items()}
    assert first == dict.fromkeys(NAMES, "fp32") | {"ascend": "fp16"}
    assert engines.Options().precision == "fp32"
    assert set(engines.Options()[1:]) == {None}
    lines = re.findall(r"(?m)^ENGINE\.\w+", (PYTHON / "engines/engines.mk").read_text("utf-8"))
    assert len(lines) == len(engines.declared())


def test_every_option_is_some_engines_variable():
    assert set(VALUES) == set(engines._VARIABLES)
    assert set(VALUES) | {"precision", "batch_size"} == set(engines.Options._fields)
    for option in VALUES:
        assert any(takes(name, option) for name in NAMES), option


@pytest.mark.parametrize("name", [n for n in NAMES if takes(n, "threads")])
def test_more_threads_than_cpus_are_refused(name: str):
    with pytest.raises(ChainError, match=r"THREADS=1000 is more than the \d+ CPUs usable here"):
        engines.check(name, options(name, threads=1000))


@pytest.mark.parametrize("option", VALUES)
@pytest.mark.parametrize("name", NAMES)
def test_an_option_is_taken_or_refused(name: str, option: str):
    given = options(name, **{option: VALUES[option]})
    if takes(name, option) and (name, option) != ("onnxruntime", "npu"):
        engines.check(name, given)
        return
    # ONNX Runtime's own provider has no device numbers.
    chooser = "EP=CPUExecutionProvider" if takes(name, option) else f"ENGINE={name}"
    sentence = f"{engines._VARIABLES[option]}= does nothing with {chooser}; leave it out."
    with pytest.raises(ChainError) as error:
        engines.check(name, given)
    assert str(error.value) == sentence


@pytest.mark.parametrize("name", NAMES)
def test_a_precision_that_no_line_names_is_refused(name: str):
    words = " ".join(engines.declared()[name].precisions)
    with pytest.raises(ChainError, match=f"PRECISION=fp4 .* ENGINE={name}; choose one of: {words}"):
        engines.check(name, engines.Options(precision="fp4"))


def test_ascend_needs_its_interpreter(monkeypatch):
    with pytest.raises(ChainError, match="give AIS_PYTHON="):
        engines.check("ascend", engines.Options(precision="fp16"))
    monkeypatch.setenv("PYTHONPATH", "")
    with pytest.raises(ChainError, match=r"cannot load ais_bench\.infer \(not installed\)"):
        engines.check("ascend", options("ascend"))


def test_an_engine_of_files_is_not_loaded(tmp_path):
    with pytest.raises(ChainError, match=r"ENGINE=ascend runs files only; .* openvino torch"):
        engines.load("ascend", tmp_path / "m.onnx", options("ascend"))


def test_what_an_engine_must_have_and_what_it_may_leave():
    class Half(engines.Engine):
        def run(self, batch: np.ndarray) -> np.ndarray:
            return batch + 1

    with pytest.raises(TypeError, match="describe"):
        Half()

    class Whole(Half):
        def describe(self) -> dict:
            return {}

    engine = Whole()
    assert (engine.infer_requests, engine.takes_pixels) == (1, False)
    assert engine.finish(engine.start(np.zeros(1))).tolist() == [1]
