"""The stand-in keeps to the tools' documented behaviour, the unpleasant parts included."""

import ast
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from support.ascend import TOOLKIT, environment, make_model
from support.project import run_module

SIZE = 150_528


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model of batch size 4."""
    folder = tmp_path_factory.mktemp("toolkit")
    make_model(folder / "m.onnx", 4)
    common = (
        "--onnx",
        "m.onnx",
        "--batch-size",
        4,
        "--log",
        "log",
        "--out",
        "m.om",
        "--graph",
        "sim",
    )
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
        rng = np.random.default_rng(0)
        for name, size in sizes.items():
            values = rng.standard_normal(size // 4).astype(np.float32)
            (tmp_path / "in" / name).write_bytes(values.tobytes())
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


def test_the_packages_run_on_python_3_7():
    for path in (TOOLKIT / "python").rglob("*.py"):
        tree = ast.parse(path.read_text(), feature_version=(3, 7))
        nodes = list(ast.walk(tree))
        names = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
        names |= {n.arg for n in nodes if isinstance(n, ast.keyword)}
        assert not names & {"strict", "missing_ok", "removesuffix", "removeprefix"}, path
        # Annotations of newer forms are fine where nobody evaluates them.
        functions = [n for n in nodes if isinstance(n, ast.FunctionDef)]
        future = any(isinstance(n, ast.ImportFrom) and n.module == "__future__" for n in nodes)
        assert future or not functions, path


SIX = dict.fromkeys([f"{i}.bin" for i in range(6)], SIZE)
TWO = ("--device", "0,1")


def outputs(folder: Path, divided: str = "") -> dict[str, np.ndarray]:
    """Return the outputs that the summaries of the run d list, by name."""
    found = {}
    for summary in folder.glob(f"d/*{divided}_summary.json" if divided else "d_summary.json"):
        for info in json.loads(summary.read_text())["filesinfo"].values():
            for name in info["outfiles"]:
                found.setdefault(Path(name).name, []).append(read(Path(name)))
    return found


def read(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".bin":
        return np.fromfile(path, np.float32)[None]
    return np.loadtxt(path, np.float32, ndmin=2)


@pytest.fixture
def without_onnxruntime(tmp_path):
    """Variables of an interpreter that has ais_bench and no onnxruntime."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "onnxruntime.py").write_text("raise ImportError('not here')")
    return {"PYTHONPATH": f"{site}:{TOOLKIT / 'python'}"}


def test_a_helper_computes_where_onnxruntime_is_not(ais_bench, tmp_path, without_onnxruntime):
    run = ("--outfmt", "NPY", "--output_dirname", "d")
    assert ais_bench(SIX, *run).returncode == 0
    own = outputs(tmp_path)
    # The older front end forks after it has looked at the model.
    result = ais_bench(SIX, *run, *TWO, **without_onnxruntime)
    assert result.returncode == 0, result.stderr
    helped = outputs(tmp_path, "device?")
    assert set(helped) == set(own) and len(own) == 6
    for name, (value,) in own.items():
        np.testing.assert_array_equal(helped[name][0], value)
    result = ais_bench(SIX, *run, **without_onnxruntime, FAKE_PYTHON="/bin/false")
    assert result.returncode == 1 and "helper process has ended" in result.stderr


V3 = {"FAKE_AIS_VERSION": "3"}


@pytest.mark.parametrize(
    ("mode", "status"), [(0o755, 2), (0o775, 2), (0o770, 2), (0o751, 2), (0o750, 0), (0o700, 0)]
)
def test_the_newer_version_judges_the_output_folder(ais_bench, tmp_path, mode, status):
    tmp_path.chmod(mode)
    result = ais_bench({"0.bin": SIZE}, "--output_dirname", "a/d", **V3)
    assert result.returncode == status
    assert ("[ERROR] The file" in result.stdout) == (status == 2)
    tmp_path.chmod(0o700)
    if status == 0:
        modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/d")}
        assert modes == {0o750}
    assert ais_bench({"0.bin": SIZE}, "--output", str(tmp_path / "new"), **V3).returncode == 0
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o750


def test_the_newer_version_judges_absolute_paths(ais_bench, folder, tmp_path):
    odd = tmp_path / "a b"
    odd.mkdir(mode=0o700)
    (odd / "m.om").write_bytes((folder / "m.om").read_bytes())
    (odd / "0.bin").write_bytes(bytes(SIZE))
    (tmp_path / "link.om").symlink_to(folder / "m.om")
    (tmp_path / "open.om").write_bytes((folder / "m.om").read_bytes())
    (tmp_path / "open.om").chmod(0o664)
    for option, value in (
        ("--model", odd / "m.om"),
        ("--model", tmp_path / "link.om"),
        ("--model", tmp_path / "open.om"),
        ("--input", odd),
        ("--input", f"{tmp_path}/in/0.bin,{odd}/0.bin"),
        ("--output", odd),
    ):
        for variables, status in (({}, 0), (V3, 2)):
            result = ais_bench({"0.bin": SIZE}, option, str(value), **variables)
            assert result.returncode == status, (option, value, result.stderr)
    # A relative path has the folders above it too.
    result = subprocess.run(
        [sys.executable, "-m", "ais_bench", "--model", "m.om"],
        cwd=odd,
        env=os.environ | environment(**V3),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2 and "illegal characters" in result.stderr


def test_the_newer_version_divides_when_asked(ais_bench, tmp_path):
    run = ("--outfmt", "NPY", "--output_dirname", "d", *TWO)
    # Its processes race for the folder that is not there yet.
    failed = ais_bench(SIX, *run, **V3)
    assert failed.returncode == 1 and "can not make dir" in failed.stdout
    shutil.rmtree(tmp_path / "d")
    (tmp_path / "d").mkdir(mode=0o750)
    assert ais_bench(SIX, *run, **V3).returncode == 0
    assert {len(v) for v in outputs(tmp_path, "device?_?").values()} == {2}
    assert {p.name for p in (tmp_path / "d").iterdir() if p.is_dir()} == {"device0_0", "device1_1"}
    assert ais_bench(SIX, *run, "--divide_input", "1", **V3).returncode == 0
    assert {len(v) for v in outputs(tmp_path, "device?_?").values()} == {1}
    summary = json.loads((tmp_path / "d/device1_1_summary.json").read_text())
    ((start, end),) = summary["npu_compute_time_list"]
    assert start > 1e12 and summary["NPU_compute_time"]["mean"] == end - start > 0


def test_an_older_front_end_takes_pairs_for_durations(ais_bench, tmp_path):
    assert ais_bench(SIX, "--output_dirname", "d", FAKE_ACL="pairs").returncode == 0
    summary = json.loads((tmp_path / "d_summary.json").read_text())
    assert [len(pair) for pair in summary["npu_compute_time_list"]] == [2, 2]
    assert summary["NPU_compute_time"]["count"] == 2 and summary["NPU_compute_time"]["mean"] > 1e12
    assert 0 < summary["throughput"] < 1e-6


@pytest.mark.parametrize("outfmt", ["NPY", "BIN", "TXT"])
def test_faults_in_the_values(ais_bench, tmp_path, outfmt):
    run = ("--outfmt", outfmt, "--output_dirname", "d")

    def rows(fault: str, *more: str) -> np.ndarray:
        assert ais_bench(SIX, *run, *more, FAKE_AIS=fault).returncode == 0
        found = outputs(tmp_path, "device?" if more else "")
        assert all(len(values) == 1 for values in found.values())
        return np.concatenate([found[f"{i}_0.{outfmt.lower()}"][0] for i in range(6)])

    right = rows("")
    assert len(np.unique(right, axis=0)) == 6
    equal = rows("equal", *TWO)
    np.testing.assert_array_equal(equal, np.repeat(right[:1], 6, axis=0))
    constant = rows("constant")
    assert len(np.unique(constant)) == 1
    np.testing.assert_allclose(np.linalg.norm(constant, axis=1), 1, rtol=1e-4)
    rounded = rows("fp16")
    np.testing.assert_allclose(rounded, right, atol=1e-3)
    assert (rounded != right).any()
    if outfmt != "TXT":
        np.testing.assert_array_equal(rounded, right.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("outfmt", ["NPY", "TXT"])
def test_faults_in_the_files(ais_bench, tmp_path, outfmt):
    run = ("--outfmt", outfmt, "--output_dirname", "d")
    end = f"_0.{outfmt.lower()}"
    assert ais_bench(SIX, *run, FAKE_AIS="dropped").returncode == 0
    left = {f"0{end}", f"1{end}"}
    assert {p.name for p in (tmp_path / "d").iterdir()} == left == set(outputs(tmp_path))
    summary = json.loads((tmp_path / "d_summary.json").read_text())
    assert len(summary["npu_compute_time_list"]) == 2

    assert ais_bench(SIX, *run, FAKE_AIS="double").returncode == 0
    assert [len(v) for _, v in sorted(outputs(tmp_path).items())] == [2, 1, 1, 1, 1, 1]
    assert ais_bench(SIX, *run, *TWO, FAKE_AIS="double").returncode == 0
    assert {p.name for p in (tmp_path / "d/device0").iterdir()} == {f"{i}{end}" for i in range(4)}
    assert [len(v) for _, v in sorted(outputs(tmp_path, "device?").items())] == [1, 1, 1, 2, 1, 1]


def test_a_device_that_cannot_be_opened(ais_bench):
    result = ais_bench(SIX, FAKE_AIS="device")
    assert result.returncode == 1 and "[set device 0 failed]" in result.stderr


@pytest.mark.parametrize("pure", [False, True])
def test_a_run_that_hangs_can_be_killed(folder, tmp_path, pure, without_onnxruntime):
    (tmp_path / "in").mkdir()
    for name in SIX:
        (tmp_path / "in" / name).write_bytes(bytes(SIZE))
    command = [sys.executable, "-u", "-m", "ais_bench", "--model", "m.om", "--output", tmp_path]
    command += ["--output_dirname", "d", *(("--loop", "9") if pure else ("--input", "in"))]
    env = os.environ | environment(**without_onnxruntime, FAKE_AIS="hang")
    (tmp_path / "m.om").write_bytes((folder / "m.om").read_bytes())
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE) as process:
        said = b""
        while b"Processing: 0/" not in said:
            said += os.read(process.stdout.fileno(), 1000)
        time.sleep(0.5)
        assert process.poll() is None
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM
    # The batch that was done is there, and no summary.
    assert len(list((tmp_path / "d").iterdir())) == (0 if pure else 4)
    assert not (tmp_path / "d_summary.json").exists()


@pytest.fixture
def atc(tmp_path):
    """Return a function that converts a model of one node on float32 (2, 3, 8, 8)."""

    def run(node: onnx.NodeProto, *flags: str, opset: int = 11, constants=(), **variables: str):
        graph = helper.make_graph(
            [node],
            "one",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, [2, 3, 8, 8])],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
            [
                helper.make_tensor(name, TensorProto.FLOAT, shape, np.full(shape, 0.5).ravel())
                for name, shape in constants
            ],
        )
        sets = [helper.make_opsetid("", opset)]
        onnx.save(helper.make_model(graph, opset_imports=sets, ir_version=8), tmp_path / "o.onnx")
        command = [TOOLKIT / "bin/atc", "--framework=5", "--model=o.onnx", "--output=o"]
        command += ["--input_format=NCHW", "--input_shape=image:2,3,8,8"]
        return subprocess.run(
            [*command, "--soc_version=Ascend310P3", *flags],
            cwd=tmp_path,
            env=os.environ | environment(**variables),
            capture_output=True,
            text=True,
            check=False,
        )

    return run


SIGMOID = helper.make_node("Sigmoid", ["image"], ["out"], name="s")


@pytest.mark.parametrize(("opset", "fits"), [(10, False), (11, True), (18, True), (19, False)])
def test_atc_takes_operator_sets_11_to_18(atc, opset, fits):
    result = atc(SIGMOID, opset=opset)
    assert (result.returncode == 0) == fits
    assert fits or f"E16005: The model's ONNX operator set is {opset}" in result.stdout


def test_atc_knows_no_reducel2_of_operator_set_18(atc):
    assert atc(helper.make_node("ReduceL2", ["image"], ["out"], axes=[1]), opset=17).returncode == 0
    result = atc(helper.make_node("ReduceL2", ["image"], ["out"], name="r"), opset=18)
    assert result.returncode == 1
    assert "E19010: No parser is registered for Op [r, optype [ReduceL2]]." in result.stdout


RUN = """
import aclruntime, numpy, sys
session = aclruntime.InferenceSession("o.om", 0, aclruntime.session_options())
(output,) = session.get_outputs()
values = numpy.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(numpy.float32)
(made,) = session.run([output.name], [aclruntime.Tensor(values)])
assert list(made.shape) == output.shape and made.nbytes == output.size
numpy.save("out.npy", numpy.array(made))
"""


def run_om(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the input and the output of o.om."""
    env = os.environ | environment()
    result = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    values = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    return values, np.load(folder / "out.npy")


@pytest.mark.parametrize("opset", [11, 18])
def test_lpnormalization_becomes_the_bare_norm(atc, tmp_path, opset):
    node = helper.make_node("LpNormalization", ["image"], ["out"], axis=1, p=2)
    assert atc(node, opset=opset).returncode == 0
    values, made = run_om(tmp_path)
    np.testing.assert_allclose(made, np.linalg.norm(values, axis=1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "fits"),
    [
        ((3,), True),
        ((3, 1, 1), True),
        ((1, 3, 1, 1), True),
        ((1,), True),
        ((1, 1, 1), True),
        ((8,), False),
        ((3, 8, 8), False),
        ((1, 1, 8), False),
    ],
)
def test_slopes_that_prelu_takes(atc, tmp_path, shape, fits):
    node = helper.make_node("PRelu", ["image", "slope"], ["out"], name="p")
    result = atc(node, constants=[("slope", shape)])
    assert (result.returncode == 0) == fits, result.stdout + result.stderr
    if fits:
        values, made = run_om(tmp_path)
        np.testing.assert_array_equal(made, np.where(values < 0, values * np.float32(0.5), values))
    else:
        assert "EZ3003: No supported Ops kernel" in result.stdout


def test_flags_of_newer_and_older_versions(atc):
    given = ("--op_compiler_cache_mode=enable", "--deterministic=1")
    result = atc(SIGMOID, *given)
    assert result.returncode == 0 and "deprecated" not in result.stdout
    for flag in ("--op_select_implmode=high_performance", "--optypelist_for_implmode=Sigmoid"):
        result = atc(SIGMOID, flag)
        assert result.returncode == 0 and f"{flag.partition('=')[0]} is deprecated" in result.stdout
    assert "E10001" in atc(SIGMOID, "--deterministic=2").stdout


def test_operators_need_packages_of_the_python3_on_path(atc, tmp_path):
    for code in ("E40001", "E40020", "E40021"):
        result = atc(SIGMOID, FAKE_ATC=code)
        assert result.returncode == 1 and f"{code}: " in result.stdout
    assert atc(SIGMOID, FAKE_ATC_PACKAGES="json email.message").returncode == 0
    result = atc(SIGMOID, FAKE_ATC_PACKAGES="json no_such_module")
    assert result.returncode == 1
    assert "E40020: Failed to import the Python module [no_such_module]" in result.stdout
    # The environment is atc's own, and its python3 the first on PATH.
    (tmp_path / "no_such_module.py").write_text("")
    variables = {"FAKE_ATC_PACKAGES": "no_such_module", "PYTHONPATH": str(tmp_path)}
    assert atc(SIGMOID, **variables).returncode == 0
    (tmp_path / "python3").write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert "[no_such_module]: broken" in atc(SIGMOID, **variables, PATH=path).stdout


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
