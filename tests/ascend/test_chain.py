"""The chain on the stand-in toolkit, as a person types it."""

import json
import os
import shutil

import numpy as np
import pytest

from evaluation.published import figures
from reporting import guide_table, terminal
from support.ascend import TOOLKIT, environment
from support.project import Project


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
    assert again.stdout.splitlines()[0] == f"{RESULT}/accuracy.json"
    assert "accuracy.json" in make("accuracy", "BS=4", "--dry-run").stdout

    other = make("accuracy", "BS=4", "AIPP=1", "DEVICE=0,1", "OUTFMT=BIN", FAKE_AIS_VERSION="3")
    assert "_aipp.om" in other.stdout and "faces_npu_aipp" in other.stdout
    np.testing.assert_allclose(np.load(root / RESULT / "embeddings.npy"), cpu, atol=1e-4)
    accuracy = json.loads((root / RESULT / "accuracy.json").read_text())
    assert accuracy["aipp"] and accuracy["devices"] == [0, 1] and accuracy["flip"]
    assert accuracy["device"] == "Ascend310P3" and len(accuracy["fold_accuracy"]) == 10
    folder = root / "result/mobilefacenet_faces_openvino_fp32_bs4"
    of_cpu = json.loads((folder / "accuracy.json").read_text())
    # What OpenVINO alone has to say about a run.
    assert set(of_cpu) - {"layers", "streams"} <= set(accuracy)
    checksums = [key for key in of_cpu if key.endswith("sha256")]
    assert len(checksums) == 3 and all(accuracy[key] == of_cpu[key] for key in checksums)


def test_knobs_rebuild_what_they_touch(npu):
    _, make = npu
    make("accuracy", "BS=4")
    plan = make("accuracy", "BS=4", "--dry-run").stdout
    assert "build_om" not in plan and "write_npu_inputs" not in plan and "embed_npu" not in plan
    for setting, steps in (
        ("DEVICE=1", {"embed_npu"}),
        ("CHIP=310B1", {"build_om", "embed_npu"}),
        ("FUSE=0", {"build_om", "embed_npu"}),
        ("ATC_FLAGS=--log=info", {"build_om", "embed_npu"}),
        ("UNIQUE=0", {"write_npu_inputs", "embed_npu"}),
        ("CHIP=310P3", set()),
    ):
        plan = make("accuracy", "BS=4", "--dry-run", setting).stdout
        assert {s for s in ("build_om", "write_npu_inputs", "embed_npu") if s in plan} == steps, (
            setting
        )


def test_perf_all_ends_with_the_guides_table(npu):
    root, make = npu
    printed = make("perf-all", "BATCHES=4").stdout
    table = printed[printed.index("| device") :].splitlines()
    assert "guide's fps" in table[0] and "ratio" in table[0]
    assert " 1136 " in table[2]
    # The guide measured another network.
    assert "not comparable" in table[2] and "Compare with care" in table[-1]
    perf = json.loads((root / RESULT / "perf.json").read_text())
    lines = terminal.perf_lines(perf)
    assert any(line.startswith("[INFO] throughput 1000*batchsize(4)") for line in lines)
    assert any("device-only" in line for line in lines)
    assert any("wall-clock" in line for line in lines)


def test_the_ratio_of_the_guides_network(tmp_path):
    perf = {"net": "ir_se100", "dataset": "lfw", "device": "Ascend310P3", "batch_size": 16}
    perf |= {"throughput_fps": 2864.0, "wall_clock_fps": 500.0, "devices": [0, 1]}
    perf |= {"model_sha256": "m", "data_sha256": "d", "provider": "ais_bench"}
    (tmp_path / "perf.json").write_text(json.dumps(perf))
    (tmp_path / "accuracy.json").write_text(json.dumps(perf | {"accuracy": 0.9977}))
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
    assert "embed_npu" in make("accuracy", "BS=4", "DEVICE=1", "--dry-run").stdout


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
    assert {p.name for p in left} == {"README.md"}


def test_lfw(project, shared):
    """The real set and weights: the reference code's accuracy and threshold on these files."""
    arguments = ["ENGINE=ascend", "BS=16", "AIPP=1", "DEVICE=0,1", "NET=mobilefacenet"]
    arguments += [f"DATA={shared}/lfw.bin", f"WEIGHTS={shared}/mobilefacenet.pth"]
    project.make("accuracy", *arguments, env=environment())
    folder = project.root / "result/mobilefacenet_lfw_ascend_fp16_bs16"
    accuracy = json.loads((folder / "accuracy.json").read_text())
    assert accuracy["accuracy"] == pytest.approx(0.9930, abs=0.0003)
    assert accuracy["best_threshold"] == pytest.approx(1.443, abs=0.01)
    golden = np.load(shared / "golden_mobilefacenet_lfw64.npz")
    sums = golden["image"] + golden["flip"]
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    np.testing.assert_allclose(np.load(folder / "embeddings.npy")[:64], sums, atol=1e-4)
