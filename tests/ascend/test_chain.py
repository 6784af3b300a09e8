"""The chain on the stand-in toolkit, as a person types it."""

import json
import os
import shutil

import numpy as np
import pytest

from evaluation.published import figures
from reporting import guide_table, terminal
from support.ascend import TOOLKIT, environment, make_interpreter
from support.project import Project
from support.sealing import seal


@pytest.fixture(scope="module")
def npu(tmp_path_factory, tiny):
    """Return a project and a function that runs make in it on the tiny set."""
    project = Project(tmp_path_factory.mktemp("npu") / "project")
    inputs = [f"DATA={tiny}/faces.bin", f"WEIGHTS={tiny}/mobilefacenet.pth", "NET=mobilefacenet"]

    def make(*arguments: str, ok: bool = True, **variables: str):
        chosen = environment(**variables)
        # The driver's npu-smi and ais_bench are at hand; set_env.sh puts the rest in place.
        chosen["PATH"] = f"{TOOLKIT / 'driver'}:{os.environ['PATH']}"
        chosen.pop("ASCEND_HOME_PATH")
        return project.make(*inputs, "LOOP=5", *arguments, ok=ok, env=chosen)

    return project.root, make


RESULT = "result/mobilefacenet_faces_ascend_fp16_bs4"


def test_the_embeddings_are_the_cpu_engines(npu):
    root, make = npu
    make("accuracy", "BS=4", "ENGINE=openvino")
    cpu = np.load(root / "result/mobilefacenet_faces_openvino_fp32_bs4/embeddings.npy")
    first = make("accuracy", "BS=4")  # the engine is chosen by looking
    assert "accuracy: " in first.stdout
    np.testing.assert_allclose(np.load(root / RESULT / "embeddings.npy"), cpu, atol=1e-4)
    again = make("accuracy", "BS=4")
    assert again.stdout.startswith("accuracy: ") and f"files       {RESULT}/" in again.stdout
    assert "accuracy.json" in make("accuracy", "BS=4", "--dry-run").stdout

    made = ("DEVICE=0,1", "OUTFMT=BIN", "FUSE=1", "AIPP=1")
    other = make("accuracy", "BS=4", *made, FAKE_AIS_VERSION="3")
    assert "_bs4_fused_aipp.om" in other.stdout and "faces_npu_aipp" in other.stdout
    both = root / RESULT.replace("fp16", "fp16_fused_aipp")
    np.testing.assert_allclose(np.load(both / "embeddings.npy"), cpu, atol=1e-4)
    accuracy = json.loads((both / "accuracy.json").read_text())
    assert accuracy["aipp"] and accuracy["devices"] == [0, 1] and accuracy["flip"]
    assert accuracy["graph"] == "fused"
    assert accuracy["device"] == "Ascend310P3" and len(accuracy["fold_accuracy"]) == 10
    folder = root / "result/mobilefacenet_faces_openvino_fp32_bs4"
    of_cpu = json.loads((folder / "accuracy.json").read_text())
    # What OpenVINO alone has to say about a run, and how much of it was an earlier one's.
    assert set(of_cpu) - {"layers", "streams", "kept_inferences"} <= set(accuracy)
    checksums = [key for key in of_cpu if key.endswith("sha256")]
    assert len(checksums) == 3 and all(accuracy[key] == of_cpu[key] for key in checksums)
    # The guide's own graph unless asked otherwise.
    plain = json.loads((root / RESULT / "accuracy.json").read_text())
    assert plain["graph"] == "sim" and plain["model_sha256"] != of_cpu["model_sha256"]
    make("perf", "BS=4")
    make("perf", "BS=4", *made)
    make("report")
    report = (root / "result/report.md").read_text()
    header = "| plain | AIPP | fused | fused AIPP | guide's fps |"
    line = report.splitlines()[[header in x for x in report.splitlines()].index(True) + 2]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:5] == ["mobilefacenet", "faces", "Ascend310P3", "fp16", "4"]
    assert float(cells[5]) > 0 and cells[6:8] == ["-", "-"] and float(cells[8]) > 0
    assert "ascend fused AIPP fp16, batch 4" in report
    assert "| ONNX Runtime and Ascend310P3, fp16 fused AIPP | 1.0000" in report


def test_the_guides_steps_by_name(npu):
    """infer leaves its outputs, postprocess scores them, and the guide's own way agrees."""
    root, make = npu
    make("infer", "BS=4", "OUTFMT=TXT", "UNIQUE=0")
    outputs = root / RESULT / "ais_bench"
    assert {p.suffix for p in outputs.iterdir()} == {".txt"}
    record = (root / RESULT / "run.json").read_bytes()
    # Without OUTFMT and UNIQUE: it takes what infer left, and starts nothing.
    said = make("postprocess", "BS=4", FAKE_AIS="execute").stdout
    assert "accuracy: " in said and "ais_bench " not in said
    assert (root / RESULT / "run.json").read_bytes() == record
    accuracy = json.loads((root / RESULT / "accuracy.json").read_text())
    assert accuracy["outfmt"] == "TXT" and not accuracy["unique"]

    # As the guide does it: the sum of both views' text files, normalised, squared distances,
    # ten folds without shuffling, thresholds 0 to 4 in steps of 0.01.
    issame = np.load(root / "data/faces_list.npy")

    def vector(name: str) -> np.ndarray:
        return np.array((outputs / f"{name}_0.txt").read_text().split(), np.float64)

    sums = np.stack([vector(f"{i}") + vector(f"{i}_flip") for i in range(2 * len(issame))])
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    distances = np.square(sums[0::2] - sums[1::2]).sum(axis=1)
    thresholds = np.arange(0, 4, 0.01)
    right = (distances < thresholds[:, None]) == issame
    folds = np.array_split(np.arange(len(issame)), 10)
    best, score = [], []
    for fold in folds:
        train = np.setdiff1d(np.arange(len(issame)), fold)
        best.append(right[:, train].mean(axis=1).argmax())
        score.append(right[best[-1], fold].mean())
    assert np.mean(score) == pytest.approx(accuracy["accuracy"], abs=1e-12)
    assert thresholds[best].mean() == pytest.approx(accuracy["best_threshold"], abs=1e-12)

    shutil.rmtree(outputs)
    result = make("postprocess", "BS=4", ok=False)
    assert "lacks" in result.stderr and "make infer" in result.stderr
    # infer notices it too.
    make("infer", "BS=4", "OUTFMT=TXT", "UNIQUE=0")
    assert outputs.exists()
    assert "run make infer first" in make("postprocess", "BS=16", ok=False).stderr


def test_om_on_a_host_without_a_device(npu):
    root, make = npu
    # Converting needs no NPU, and says what it left out.
    result = make("om", "BS=1", "CHIP=310B1", "PRECISION=fp32")
    assert "was not run on a device: device 0 is a 310P3" in result.stderr
    assert (root / "model/mobilefacenet_bs1_fp32.om").exists()
    assert not (root / "model/mobilefacenet_bs1_fp32.om.parity.json").exists()
    make("om", "BS=4")
    assert "on-device" not in make("om", "BS=4", "--dry-run").stdout


def test_knobs_rebuild_what_they_touch(npu):
    _, make = npu
    make("accuracy", "BS=4")
    plan = make("accuracy", "BS=4", "--dry-run").stdout
    doors = ("build_om", "check_om", "write_npu_inputs", "infer_npu", "embed_npu")
    assert not any(door in plan for door in doors)
    for setting, steps in (
        ("DEVICE=1", {"check_om", "infer_npu", "embed_npu"}),
        ("OUTFMT=TXT", {"infer_npu", "embed_npu"}),
        ("CHIP=310B1", {"build_om", "check_om", "infer_npu", "embed_npu"}),
        ("FUSE=0", set()),
        ("FUSE=1", {"build_om", "check_om", "infer_npu", "embed_npu"}),
        ("ATC_FLAGS=--log=info", {"build_om", "check_om", "infer_npu", "embed_npu"}),
        ("UNIQUE=0", {"write_npu_inputs", "infer_npu", "embed_npu"}),
        ("CHIP=310P3", set()),
    ):
        plan = make("accuracy", "BS=4", "--dry-run", setting).stdout
        assert {door for door in doors if door in plan} == steps, setting


def test_perf_all_ends_with_the_guides_table(npu):
    root, make = npu
    printed = make("perf-all", "BATCHES=4").stdout
    table = printed[printed.index("| device") :].splitlines()
    assert "guide's fps" in table[0] and "ratio" in table[0]
    assert " 1136 " in table[2]
    # The guide measured another network.
    assert "not comparable" in table[2] and "Compare with care" in table[-1]
    assert "fused" not in table[-1]
    other = make("perf-all", "BATCHES=4", "FUSE=1", "AIPP=1").stdout
    assert "the graph is fused, the input is normalised by AIPP" in other
    perf = json.loads((root / RESULT / "perf.json").read_text())
    lines = terminal.perf_lines(perf)
    assert any(line.startswith("[INFO] throughput 1000*batchsize(4)") for line in lines)
    assert any("device-only" in line for line in lines)
    assert any("wall-clock" in line for line in lines)


def test_the_ratio_of_the_guides_network(tmp_path):
    perf = {"net": "ir_se100", "dataset": "lfw", "device": "Ascend310P3", "batch_size": 16}
    perf |= {"throughput_fps": 2864.0, "wall_clock_fps": 500.0, "devices": [0, 1]}
    perf |= {"model_sha256": "m", "data_sha256": "d", "provider": "ais_bench"}
    perf["throughput"] = {"verdict": "steady"}
    (tmp_path / "perf.json").write_text(json.dumps(perf))
    (tmp_path / "accuracy.json").write_text(json.dumps(perf | {"accuracy": 0.9977}))
    seal(tmp_path / "perf.json", tmp_path / "accuracy.json")
    guide = figures()["guide"]
    row = guide_table.npu_row(tmp_path, perf, guide)
    assert row[:4] == ["Ascend310P3", "16", "lfw", "0.9977"]
    assert row[4:] == ["2864.0", "500.0", "0.9977", "1432", "1.00"]
    fps = {"1": 566, "4": 1136, "8": 1373, "16": 1432, "32": 1384, "64": 1305}
    assert guide["fps"] == fps


def test_a_fault_leaves_no_result(npu):
    _, make = npu
    make("accuracy", "BS=4")
    result = make("accuracy", "BS=4", "DEVICE=1", ok=False, FAKE_AIS="nan")
    assert "not finite" in result.stderr and result.stderr.count("error: ") == 1
    assert "accuracy:" not in result.stdout
    assert "infer_npu" in make("accuracy", "BS=4", "DEVICE=1", "--dry-run").stdout


def test_atc_fails(npu):
    _, make = npu
    result = make("om", "BS=4", "CHIP=310B1", ok=False, FAKE_ATC="EZ3003")
    assert "atc: EZ3003: No supported Ops kernel" in result.stderr
    assert "no kernel of an operator" in result.stderr and "result/log/" in result.stderr


def test_inputs_that_went_missing_are_noticed(npu):
    root, make = npu
    make("accuracy", "BS=4")
    (root / "data/faces_npu/3_flip.bin").unlink()
    result = make("accuracy", "BS=4", "DEVICE=1", ok=False)
    assert "data/faces_npu lacks 3_flip.bin" in result.stderr
    shutil.rmtree(root / "data/faces_npu")
    assert "write_npu_inputs" in make("accuracy", "BS=4", "DEVICE=1", "--dry-run").stdout


def test_clean_removes_what_the_npu_chain_built(npu):
    root, make = npu
    make("om", "npu-inputs", "BS=4", "AIPP=1")
    make("clean")
    left = [p for d in ("data", "model", "result") for p in (root / d).rglob("*") if p.is_file()]
    assert {p.name for p in left} == {"README.md", ".make", ".now"}


LFW = ["ENGINE=ascend", "BS=16", "NET=mobilefacenet"]


def check_lfw(folder, shared) -> None:
    """Assert the reference code's accuracy and threshold, and the golden embeddings."""
    accuracy = json.loads((folder / "accuracy.json").read_text())
    assert accuracy["accuracy"] == pytest.approx(0.9930, abs=0.0003)
    assert accuracy["best_threshold"] == pytest.approx(1.443, abs=0.01)
    golden = np.load(shared / "golden_mobilefacenet_lfw64.npz")
    sums = golden["image"] + golden["flip"]
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    np.testing.assert_allclose(np.load(folder / "embeddings.npy")[:64], sums, atol=1e-4)


@pytest.fixture(scope="module")
def lfw_project(tmp_path_factory):
    """One project for all rows below: the models and the inputs are made once."""
    return Project(tmp_path_factory.mktemp("lfw") / "project")


# Every value beside every other one of the other columns, but for Python's.
@pytest.mark.long
@pytest.mark.parametrize(
    ("version", "umask", "devices", "outfmt", "aipp", "python"),
    [
        ("1", 0o002, "0", "NPY", 0, "3.7"),
        ("1", 0o022, "0,1", "BIN", 1, "3.8"),
        ("1", 0o027, "0,1,2,3", "TXT", 0, "3.9"),
        ("3", 0o002, "0,1", "TXT", 1, "3.10"),
        ("3", 0o022, "0,1,2,3", "NPY", 1, "3.11"),
        ("3", 0o027, "0", "BIN", 1, "3.7"),
        ("1", 0o002, "0,1,2,3", "BIN", 1, "3.10"),
        ("3", 0o022, "0", "TXT", 0, "3.9"),
        ("3", 0o027, "0,1", "NPY", 0, "3.8"),
        ("1", 0o022, "0", "BIN", 0, "3.11"),
    ],
)
def test_lfw_on_every_kind_of_host(
    lfw_project, shared, tmp_path, version, umask, devices, outfmt, aipp, python
):
    chosen = environment(
        PYTHONPATH="", FAKE_AIS_VERSION=version, FAKE_NPU="0:310P3 1:310P3 2:310P3 3:310P3"
    )
    chosen["AIS_PYTHON"] = make_interpreter(python, tmp_path / "python")
    files = [f"DATA={shared}/lfw.bin", f"WEIGHTS={shared}/mobilefacenet.pth"]
    before = os.umask(umask)
    try:
        made = (f"AIPP={aipp}", f"DEVICE={devices}", f"OUTFMT={outfmt}")
        lfw_project.make("accuracy", *LFW, *files, *made, env=chosen)
    finally:
        os.umask(before)
    name = "mobilefacenet_lfw_ascend_fp16_aipp_bs16".replace("_aipp", "_aipp" * aipp)
    check_lfw(lfw_project.root / "result" / name, shared)
    record = json.loads((lfw_project.root / "result" / name / "accuracy.json").read_text())
    assert record["versions"]["python_of_ais_bench"].startswith(f"{python}.")
    assert record["outfmt"] == outfmt and len(record["devices"]) == len(devices.split(","))
