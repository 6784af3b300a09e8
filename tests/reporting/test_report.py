"""The report: what it holds, and what it says where pieces are missing."""

import json
import re
import shutil

import pytest

from onnx_graph import store
from support.project import ROOT, expect_error, run_module
from support.results import change, make_result, make_set, report, report_arguments, result
from support.sealing import seal


@pytest.fixture
def copy(three, tmp_path):
    """A copy of one of the results, to take pieces away from."""
    shutil.copytree(three[0], tmp_path / "copy")
    for name in ("fp32_bs1", "int8_bs4"):
        shutil.rmtree(tmp_path / f"copy/result/mobilefacenet_faces_openvino_{name}")
    return tmp_path / "copy"


def cells(root) -> list[list[str]]:
    """Return the rows of all tables in the Markdown."""
    lines = (root / "result/report.md").read_text().splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_markdown_says_the_same_and_nothing_lies_beside_the_json(three):
    root, folders = three
    text = (root / "result/report.md").read_text()
    for folder in folders:
        accuracy = result(folder)
        assert f"{100 * accuracy['accuracy']:.2f} %" in text
        assert accuracy["deploy"] in text
        assert not list(folder.glob("*.png"))
    assert "disturbed (other processes kept 0.9 of 2 CPUs busy)" in text
    assert "openvino int8, batch 4 (calibrated on the evaluation set)" in text
    point = result(folders[0])["tar_at_far"][0]
    row = ["1e-1", f"{point['threshold']:.3f}", f"{point['cosine']:.3f}"]
    row += [f"{100 * point['tar']:.2f} %", f"{point['false_accepts']} of 60 (few)"]
    assert row in cells(root)
    assert not list((root / "result").glob("*.png"))


def test_same_results_give_the_same_page(copy):
    report(copy)
    before = (copy / "result/report.html").read_bytes()
    report(copy)
    assert (copy / "result/report.html").read_bytes() == before


def test_page_is_whole_and_safe(three):
    text = (three[0] / "result/report.html").read_text()
    assert "<b>CPU</b>" not in text, "names from files are escaped"
    assert not re.search(r'(src|href|srcset)="(?!data:|#)', text)


@pytest.fixture
def with_models(ready, tmp_path):
    """A set, and the real models of mobilefacenet at batch size 1 with their gates' findings."""
    make_set(tmp_path)
    fused = run_module(
        "fuse_onnx", "--onnx", ready / "model_m_bs1_sim.onnx", "--baseline", ready / "baseline.npy",
        "--weights-name", "model_m", "--out", ready / "model_m_bs1_fused.onnx",
        "--report", ready / "model_m_bs1_fused.json",
    )  # fmt: skip
    assert fused.returncode == 0, fused.stderr
    (tmp_path / "model").mkdir()
    for name in ("sim.onnx", "parity.json", "fused.onnx", "fused.json"):
        copied = tmp_path / f"model/mobilefacenet_bs1_{name}"
        shutil.copy(ready / f"model_m_bs1_{name}", copied)
        seal(copied)
    return tmp_path


def test_parity_of_every_stage_belongs_to_the_weights(with_models):
    folder = with_models / "model"
    graph = store.load_graph(folder / "mobilefacenet_bs1_sim.onnx")
    weights = store.metadata(graph)["weights_sha256"]
    make_result(with_models, batch_size=1, weights=weights)
    make_result(with_models, batch_size=1, engine="torch", weights="0" * 64)
    make_result(with_models, precision="int8", weights=weights)
    report(with_models)
    found = json.loads((folder / "mobilefacenet_bs1_parity.json").read_text())
    found["fused"] = json.loads((folder / "mobilefacenet_bs1_fused.json").read_text())["parity"]
    rows = [row[3:] for row in cells(with_models) if row[1:2] == [weights[:8]]]
    for stage, gate in found.items():
        numbers = [f"{gate['min_cosine']:.8f}", f"{gate['max_relative_error']:.1e}", "-"]
        assert [f"PyTorch and {stage}", *numbers] in rows
    (int8,) = [row for row in rows if row[0].startswith("fp32 and INT8, 30 images of faces")]
    assert "calibrated on the evaluation set" in int8[0]
    assert int8[1:] == ["0.99120000", "-", "0.99610000"]
    assert len(rows) == 3
    # The model of that name has other weights than the run of torch had.
    assert not [row for row in cells(with_models) if row[1:2] == ["0" * 8]]


def test_a_damaged_graph_or_record_of_its_parity_is_named(with_models):
    folder = with_models / "model"
    graph = store.load_graph(folder / "mobilefacenet_bs1_sim.onnx")
    make_result(with_models, batch_size=1, weights=store.metadata(graph)["weights_sha256"])
    for name, at in (("sim.onnx", 9000), ("fused.json", 20)):
        path = folder / f"mobilefacenet_bs1_{name}"
        whole = path.read_bytes()
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    report(with_models)
    text = (with_models / "result/report.md").read_text()
    assert "Parity of the stages" not in text
    for stage, name in (("sim", "sim.onnx"), ("fused", "fused.json")):
        assert re.search(f"no parity of its {stage} graph: .*bs1_{name} is not as ", text), text


def test_without_the_decoded_set_it_says_so(copy):
    shutil.rmtree(copy / "data/faces_crops")
    report(copy)
    text = (copy / "result/report.html").read_text()
    assert "no pictures: " in text
    assert "data:image/jpeg" not in text


def test_pictures_of_another_set_are_not_shown(copy):
    attributes = copy / "data/faces_crops/__attrs__"
    attributes.write_text(attributes.read_text().replace("d" * 64, "0" * 64))
    seal(copy / "data/faces_crops")
    report(copy)
    text = (copy / "result/report.html").read_text()
    assert "holds another set" in text
    assert "data:image/jpeg" not in text


def test_missing_and_damaged_pieces_are_named(three, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(three[0], copy)
    fp32_1, fp32_4, int8 = (
        copy / f"result/mobilefacenet_faces_openvino_{name}"
        for name in ("fp32_bs1", "fp32_bs4", "int8_bs4")
    )
    (fp32_1 / "accuracy.json").unlink()
    (fp32_4 / "perf.json").write_text("{")
    (int8 / "embeddings.npy").write_bytes(b"nothing")
    (copy / "result/other_bs1").mkdir()
    report(copy)
    text = (copy / "result/report.md").read_text()
    assert f"{fp32_1.name}: accuracy was not measured" in text
    assert f"{fp32_4.name}: throughput was not measured" in text
    assert "perf.json is not as " in text
    assert f"{int8.name}: no curves and no pictures" in text
    assert "other_bs1 is left out" in text


@pytest.mark.parametrize("names", [["accuracy"], ["accuracy", "perf"], ["."]])
def test_a_result_in_the_place_of_another_is_named(three, tmp_path, names):
    """Whole with its seal: nothing about it alone tells."""
    shutil.copytree(three[0], tmp_path / "copy")
    there, here = (
        tmp_path / f"copy/result/mobilefacenet_faces_openvino_{name}"
        for name in ("fp32_bs1", "fp32_bs4")
    )
    if names == ["."]:
        shutil.rmtree(here)
        shutil.copytree(there, here)
    else:
        for name in names:
            shutil.copy2(there / f"{name}.json", here)
            shutil.copy2(there / f".seal/{name}.json.json", here / ".seal")
    report(tmp_path / "copy")
    (note,) = (
        line
        for line in (tmp_path / "copy/result/report.md").read_text().splitlines()
        if f"{here.name} is left out: " in line
    )
    if names == ["."]:
        assert f"it holds the result of {there.name}" in note
    else:
        assert f"were written in {there.name} and {here.name}; remove it" in note


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [("accuracy", "operating_point", None), ("perf", "throughput", {}), ("perf", "loop", "ten")],
)
def test_records_of_earlier_versions_are_left_out_and_named(copy, name, key, value):
    folder = copy / "result/mobilefacenet_faces_openvino_fp32_bs4"
    change(folder / f"{name}.json", **{key: value})
    report(copy)
    text = (copy / "result/report.md").read_text()
    assert f"{name}.json has no {key}; make it again with this version" in text


def test_throughput_of_another_model_is_not_put_beside_the_accuracy(copy):
    folder = copy / "result/mobilefacenet_faces_openvino_fp32_bs4"
    change(folder / "perf.json", model_sha256="0" * 64)
    report(copy)
    (row,) = [row for row in cells(copy) if row[1:2] == ["out of date"]]
    assert row[0] == "openvino fp32, batch 4"
    assert "* Throughput" not in (copy / "result/report.md").read_text()


def test_only_a_throughput_is_a_report_too(three, tmp_path):
    shutil.copytree(three[0], tmp_path / "copy")
    for path in (tmp_path / "copy/result").glob("*/accuracy.json"):
        path.unlink()
    report(tmp_path / "copy")
    text = (tmp_path / "copy/result/report.md").read_text()
    assert "* Throughput: **" in text and "* Accuracy" not in text


def test_no_result_is_an_error(tmp_path):
    (tmp_path / "result").mkdir()
    expect_error(
        run_module("report", *report_arguments(tmp_path)), "holds no result", "make accuracy"
    )
    assert not (tmp_path / "result/report.html").exists()


def test_the_documented_picture_exists_and_is_small():
    picture = ROOT / "docs/report.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 300_000
