"""The benchmarks: what they count, what they measure, and short real runs."""

import json
import signal
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

import bench_chain
import bench_peers
from bench import backend_process, backends
from common.errors import ChainError
from support.project import Project, expect_error, run_module


def test_backends_take_the_models_of_their_batch_size(ready):
    args = Namespace(weights=Path("w.pth"), net="mobilefacenet", threads=1)
    args.ours = [f"fp32={ready}/model_m_bs{size}.onnx" for size in (1, 7)] + ["int8=q.xml"] * 2
    found = bench_peers.backends_of(args, ready / "model_m_bs7.onnx", 7)
    ours = [(b.precision, b.model.name, b.batch_size) for b in found if b.ours]
    assert ours == [("fp32", "model_m_bs7.onnx", 7), ("int8", "q.xml", 7)]
    assert {b.threads for b in found} == {1}


def test_a_backend_that_cannot_load_is_named(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    backend = backends.Backend("ORT", "onnxruntime", tmp_path / "bad.onnx", 1, 1)
    with pytest.raises(ChainError, match=r"ORT cannot run .*bad\.onnx"):
        backend_process.BackendProcess(backend, np.zeros((1, 3, 112, 112), np.float32))


def test_a_backend_sleeps_when_it_is_not_its_turn(ready):
    backend = backends.Backend("ORT", "onnxruntime", ready / "model_m_bs1.onnx", 1, 1)
    with backend_process.BackendProcess(backend, np.zeros((1, 3, 112, 112), np.float32)) as process:

        def state() -> str:
            stat = Path(f"/proc/{process._process.pid}/stat").read_text(encoding="ascii")
            return stat.rpartition(")")[2].split()[0]

        for _ in range(2):
            assert process.images_per_second(0.01) > 0
            states = [state()]
            while states[-1] != "T" and len(states) < 100:  # the stop takes a moment
                time.sleep(0.05)
                states.append(state())
            assert states[-1] == "T"
    assert process._process.exitcode == -signal.SIGKILL


def test_peers_in_a_short_real_run(tiny, ready, tmp_path):
    arguments = ["--net", "mobilefacenet", "--weights", tiny / "mobilefacenet.pth"]
    arguments += ["--crops", ready / "crops", "--plain", ready / "model_m_bs7.onnx"]
    # No engine has this precision: it is listed with the reason, and the others are measured.
    arguments += ["--ours", "int4=x.xml", f"fp32={ready / 'model_m_bs7_sim.onnx'}", "--rounds", 3]
    out = tmp_path / "bench_peers.json"
    made = run_module("bench_peers", *arguments, "--seconds", 0.02, "--threads", 1, "--out", out)
    assert made.returncode == 0, made.stderr
    result = json.loads(out.read_text())
    (size,) = result["sizes"]
    assert size["batch_size"] == 7
    assert size["gflop_per_image"] == pytest.approx(0.4423, abs=1e-3)
    names = [row["name"] for row in size["rows"]]
    assert names == [
        *("PyTorch, eager", "ONNX Runtime", "OpenVINO", "OpenVINO, fp32"),
        "this project, openvino fp32",
    ]
    assert [*size["unavailable"]] == ["this project, openvino int4"]
    rates = {row["name"]: np.array(row["fps_rounds"]) for row in size["rows"]}
    for row in size["rows"]:
        assert len(rates[row["name"]]) == 3
        ratio = rates[row["name"]] / rates["ONNX Runtime"]
        assert row["ratio_to"]["ONNX Runtime"]["median"] == pytest.approx(np.median(ratio))
        assert row["min_cosine_to_eager"] >= (0.99999 if row["precision"] == "fp32" else 0.9)
    for precision, measured in size["peak"].items():
        assert ("gflops" in measured) != measured["kernel"].startswith("not measured"), precision
    assert result["machine"]["cpu"]
    shown = run_module("show", "--table", "peers", out)
    assert shown.returncode == 0, shown.stderr
    assert "| this project, openvino fp32 |" in shown.stdout
    assert "Not measured: this project, openvino int4 cannot run x.xml" in shown.stdout
    assert f"{size['rows'][-1]['fps']['median']:.1f} (" in shown.stdout


def test_peers_refuse_models_of_other_weights(ready, tmp_path):
    (tmp_path / "other.pth").write_bytes(b"other")
    arguments = ["--net", "mobilefacenet", "--weights", tmp_path / "other.pth"]
    arguments += ["--crops", ready / "crops", "--plain", ready / "model_m_bs7.onnx"]
    out = tmp_path / "bench_peers.json"
    result = run_module("bench_peers", *arguments, "--ours", "fp32=x.onnx", "--out", out)
    expect_error(result, "model_m_bs7.onnx was not exported from")
    assert not out.exists()


def test_chain_reads_what_make_prints():
    steps = bench_chain.read_steps(
        "  preprocess   data/lfw                                           4.0 s\n"
        "  export       model/x.onnx                                 7.0 s\n"
        "  fix-batch    model/x_bs16.onnx                            0.5 s\n"
        "  fix-batch    model/x_bs1.onnx                             0.3 s\n"
        "  fuse         model/x_bs16_fused.onnx                      2.0 s\n"
        "accuracy: 0.99\n"
        "  embed        result/x/embeddings.npy                           50.0 s\n"
        "  score        result/x/accuracy.json                             1.0 s\n"
        "  benchmark    result/x/perf.json                                 9.0 s\n"
    )
    run = {"engine": "openvino", "precision": "fp32", "batch_size": 16}
    run |= {"load_s": 3.0, "wall_s": 46.0, "inference_s": 45.0}
    rows = bench_chain.stage_rows(steps, run)
    seconds = {row["stage"]: row["seconds"] for row in rows}
    assert seconds == {
        "preprocess": 4.0,
        "export, one batch size": 7.5,
        "export, 2 batch sizes": 7.8,
        "fuse": 2.0,
        "embed": 50.0,
        "- load, compile": 3.0,
        "- run": 46.0,
        "-- of it inference": 45.0,
        "score": 1.0,
    }
    counts = {"images": 100, "different": 60}
    rates = {"fp32": 2.0, "int8": 10.0}
    slow, fp32, int8 = bench_chain.jobs(rows, run, rates, 1.0, counts)
    assert slow["seconds"] == 200
    assert (fp32["how"], fp32["seconds"]) == ("measured", 55)
    # 4 + (3 + 120 / 10) + 1
    assert (int8["how"], int8["seconds"], int8["faster"]) == ("computed", 20, 10)
    with pytest.raises(ChainError, match="embed, score"):
        bench_chain.read_steps("  preprocess x 1.0 s\n  export y 1.0 s\n")


def test_chain_runs_in_a_copy(project: Project, tiny):
    before = sorted(p for p in project.root.rglob("*"))
    given = (f"DATA={tiny / 'faces.bin'}", f"WEIGHTS={tiny / 'mobilefacenet.pth'}")
    made = project.make(
        "bench-chain", "NET=mobilefacenet", "BS=4", "BATCHES=1 4", "LOOP=10", *given
    )
    result = json.loads((project.root / "result/bench_chain.json").read_text())
    stages = [row["stage"] for row in result["stages"]]
    assert {"preprocess", "export, one batch size", "export, 2 batch sizes", "embed"} <= {*stages}
    assert result["jobs"][0]["job"] == "the guide's way"
    assert "| preprocess " in made.stdout
    # Nothing but the result and what says who works here, and no copy left behind.
    new = {p.relative_to(project.root).as_posix() for p in project.root.rglob("*")} - {
        p.relative_to(project.root).as_posix() for p in before
    }
    made_by_make = {"result/.stamp", "result/.stamp/modules.mk"}
    made_by_make |= {"result/.seal", "result/.seal/bench_chain.json.json"}
    assert new == made_by_make | {"result/.make", "result/.now", "result/bench_chain.json"}


def test_profile_accounts_for_the_layers(ready):
    made = run_module(
        "profile_layers", "--model", ready / "model_m_bs7_sim.onnx", "--crops", ready / "crops",
        "--engine", "openvino", "--precision", "fp32", "--batch-size", 7,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    rows = [line.split("|")[1:-1] for line in made.stdout.splitlines() if line.startswith("| ")]
    assert any(row[0].strip() == "convolution 1x1, 28x28" for row in rows)
    assert any(row[0].strip() == "convolution 3x3 /2, 56x56" for row in rows)
    assert sum(float(row[-1].strip().rstrip("%")) for row in rows[1:]) == pytest.approx(100, abs=3)
