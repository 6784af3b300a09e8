"""The report: what it holds, what it says where pieces are missing, how Chromium shows it."""

import json
import re
import shutil
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from evaluation.outcome import load_outcome
from report import main
from support.chromium import NEEDS_CHROMIUM, look
from support.project import ROOT, expect_error, run_module
from support.results import change, make_result, make_set, result


def arguments(root: Path) -> list[str | Path]:
    return [
        "--results", root / "result", "--data", root / "data", "--model", root / "model",
        "--html", root / "result/report.html", "--markdown", root / "result/report.md",
    ]  # fmt: skip


def report(root: Path) -> None:
    with mock.patch.object(sys, "argv", ["report.py", *map(str, arguments(root))]):
        main()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("report")
    make_set(root)
    folders = [
        make_result(root, batch_size=1),
        make_result(root, batch_size=4),
        make_result(root, precision="int8", noise=1.2),
    ]
    (root / "model").mkdir()
    parity = {"onnx": {"min_cosine": 0.99999912, "max_relative_error": 3.2e-6}}
    (root / "model/mobilefacenet_bs4_parity.json").write_text(json.dumps(parity))
    report(root)
    return root, folders


@pytest.fixture(scope="module")
def desktop(made, tmp_path_factory):
    return look(made[0] / "result/report.html", tmp_path_factory.mktemp("desktop"))


@pytest.fixture
def copy(made, tmp_path):
    """A copy of one of the results, to take pieces away from."""
    shutil.copytree(made[0], tmp_path / "copy")
    for name in ("fp32_bs1", "int8_bs4"):
        shutil.rmtree(tmp_path / f"copy/result/mobilefacenet_faces_openvino_{name}")
    return tmp_path / "copy"


@NEEDS_CHROMIUM
def test_page_is_quiet_and_complete(made, desktop):
    assert desktop["console"] == []
    assert desktop["broken"] == 0
    # ROC, two histograms, folds, throughput, latency; then two faces a wrong pair.
    wrong = set()
    for folder in made[1]:
        outcome = load_outcome(folder, made[0] / "data")
        wrong |= set(np.flatnonzero(~outcome.right).tolist())
    assert wrong, "the results must have wrong pairs, or this tests nothing"
    assert desktop["images"] == 6 + 2 * len(wrong)
    # Nothing is fetched: every picture is in the page.
    assert set(desktop["sources"]) == {"data:image"}
    assert all(name.startswith("data:") for name in desktop["requests"])


@NEEDS_CHROMIUM
def test_page_has_the_right_numbers(made, desktop):
    rows = {(row[3], row[4]): row for row in desktop["tables"][0][1:]}
    assert len(rows) == 3
    for folder in made[1]:
        accuracy, perf = result(folder), result(folder, "perf")
        row = rows[accuracy["precision"], str(accuracy["batch_size"])]
        interval = accuracy["accuracy_interval"]
        assert row[:3] == ["mobilefacenet", "A <b>CPU</b> & more", "openvino"]
        assert row[6] == f"{accuracy['accuracy']:.4f}"
        assert row[7] == f"{interval['low']:.4f} to {interval['high']:.4f}"
        assert float(row[9]) == pytest.approx(perf["throughput_fps"], abs=0.05)
        assert float(row[10]) == pytest.approx(perf["latency_ms"]["median"], abs=0.005)
        assert float(row[11]) == pytest.approx(perf["latency_ms"]["p99"], abs=0.005)
    parity = desktop["tables"][-1]
    assert ["mobilefacenet", "4", "PyTorch and onnx", "0.99999912", "3.2e-06"] in parity


@NEEDS_CHROMIUM
def test_wrong_pairs_come_worst_first(made, desktop):
    shown = re.findall(r"(\d\.\d{3}) threshold (\d\.\d\d)\s+pair (\d+): (\w+)", desktop["text"])
    excess = [abs(float(distance) - float(threshold)) for distance, threshold, _, _ in shown]
    assert excess == sorted(excess, reverse=True)
    issame = np.load(made[0] / "data/faces_list.npy")
    for distance, threshold, pair, kind in shown:
        assert (kind == "same") == issame[int(pair)]
        assert (float(distance) >= float(threshold)) == issame[int(pair)]
    assert "wrong in openvino int8, batch 4" in desktop["text"]


@NEEDS_CHROMIUM
def test_page_in_the_dark(made, desktop, tmp_path):
    dark = look(made[0] / "result/report.html", tmp_path, dark=True)
    assert (desktop["dark"], dark["dark"]) == (False, True)
    assert dark["broken"] == 0
    assert dark["console"] == []
    light_paper, dark_paper = (
        sum(map(int, re.findall(r"\d+", page["paper"]))) for page in (desktop, dark)
    )
    assert dark_paper < 150 < 600 < light_paper
    assert dark["plot"] != desktop["plot"], "the plots have a dark version"


@NEEDS_CHROMIUM
def test_page_on_a_phone(made, tmp_path):
    phone = look(made[0] / "result/report.html", tmp_path, width=390)
    assert phone["width"] == 390
    assert phone["scroll"] <= 390
    assert phone["broken"] == 0


def test_markdown_has_the_table_and_pictures_lie_beside_the_json(made):
    root, folders = made
    text = (root / "result/report.md").read_text()
    for folder in folders:
        assert f"{result(folder)['accuracy']:.4f}" in text
        for name in ("roc", "histogram", "folds"):
            assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["mobilefacenet", "4", "PyTorch and onnx", "0.99999912", "3.2e-06"] in rows
    for name in ("throughput", "latency"):
        assert (root / f"result/{name}.png").read_bytes().startswith(b"\x89PNG")


def test_same_results_give_the_same_page(copy):
    report(copy)
    before = (copy / "result/report.html").read_bytes()
    report(copy)
    assert (copy / "result/report.html").read_bytes() == before


def test_page_is_whole_and_safe(made):
    text = (made[0] / "result/report.html").read_text()
    assert "<b>CPU</b>" not in text, "names from files are escaped"
    assert not re.search(r'(src|href|srcset)="(?!data:|#)', text)


def test_without_the_decoded_set_it_says_so(copy):
    shutil.rmtree(copy / "data/faces_crops")
    report(copy)
    text = (copy / "result/report.html").read_text()
    assert "no pictures: " in text
    assert "data:image/jpeg" not in text


def test_pictures_of_another_set_are_not_shown(copy):
    attributes = copy / "data/faces_crops/__attrs__"
    attributes.write_text(attributes.read_text().replace("d" * 64, "0" * 64))
    report(copy)
    text = (copy / "result/report.html").read_text()
    assert "holds another set" in text
    assert "data:image/jpeg" not in text


def test_missing_and_damaged_pieces_are_named(made, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(made[0], copy)
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
    assert "perf.json is not JSON" in text
    assert f"{int8.name}: no curves and no pictures" in text
    assert "other_bs1 is left out" in text


def test_throughput_of_another_model_is_not_put_beside_the_accuracy(copy):
    folder = copy / "result/mobilefacenet_faces_openvino_fp32_bs4"
    change(folder / "perf.json", model_sha256="0" * 64)
    report(copy)
    assert "out of date" in (copy / "result/report.md").read_text()


def test_all_pairs_right_or_of_one_kind(tmp_path):
    make_set(tmp_path)
    np.save(tmp_path / "data/faces_list.npy", np.ones(40, bool))
    make_result(tmp_path, perf=False)
    report(tmp_path)
    text = (tmp_path / "result/report.html").read_text()
    assert "ROC: " not in text
    assert "| too few" not in text


def test_no_result_is_an_error(tmp_path):
    (tmp_path / "result").mkdir()
    expect_error(run_module("report", *arguments(tmp_path)), "holds no result", "make accuracy")
    assert not (tmp_path / "result/report.html").exists()


def test_the_documented_picture_exists_and_is_small():
    picture = ROOT / "docs/report.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 300_000
