"""Published figures beside measured ones, and the gate on the expected ones."""

import json

import pytest

from evaluation.published import figures
from support.project import expect_error, run_module
from support.sealing import seal

FIGURES = figures()
INTERVAL = {"low": 0.9, "high": 1.0}


def write(folder, name="accuracy.json", **fields):
    record = {
        "net": "ir_se100", "dataset": "lfw", "pairs": 6000, "accuracy": 0.9976666666666667,
        "precision": "fp32", "weights_sha256": "0" * 64, "data_sha256": "0" * 64,
        "accuracy_interval": INTERVAL,
    }  # fmt: skip
    path = folder / name
    path.write_text(json.dumps(record | fields))
    seal(path)
    return path


def test_the_guides_figure_is_expected_within_three_pairs(tmp_path):
    for wrong, ok in ((14, True), (17, True), (18, False), (11, True), (10, False)):
        done = run_module("check_accuracy", write(tmp_path, accuracy=1 - wrong / 6000))
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        if not ok:
            expect_error(done, "ir_se100 on lfw", "0.9977 +- 0.0005")


def test_nothing_expected_fails_and_says_so(tmp_path):
    done = run_module("check_accuracy", write(tmp_path, net="ir50"))
    expect_error(done, "no accuracy is expected of NET=ir50 on lfw")


def test_a_figure_bound_to_weights_is_not_applied_to_others(tmp_path):
    entry = next(e for e in FIGURES["expected"] if e["net"] == "mobilefacenet")
    bound = {k: entry[k] for k in ("net", "weights_sha256", "data_sha256", "accuracy")}
    assert run_module("check_accuracy", write(tmp_path, **bound)).returncode == 0
    bound["weights_sha256"] = "1" * 64
    expect_error(run_module("check_accuracy", write(tmp_path, **bound)), "weights_sha256")


def test_half_a_set_is_not_compared(tmp_path):
    expect_error(run_module("check_accuracy", write(tmp_path, pairs=3000)), "pairs 6000")


def test_table_beside_the_published_figures(tmp_path):
    paths = [
        write(tmp_path, f"{name}.json", net="ir_se50", dataset=name, accuracy=accuracy)
        for name, accuracy in (("lfw", 0.9950), ("cfp_fp", 0.9510), ("mine", 0.9))
    ]
    done = run_module("show", "--table", "sets", *paths)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()]
    assert rows[2][0::2] == ["lfw", "0.9950", "0.9952"]
    assert rows[3][4:] == ["0.9504", "+0.0006"]
    assert rows[4][4] == "none"
    assert "InsightFace_Pytorch" in done.stdout


@pytest.mark.parametrize("entry", FIGURES["expected"], ids=lambda e: e["net"])
def test_every_expected_figure_states_tolerance_and_source(entry):
    assert 0 < entry["tolerance"] <= 0.001
    assert entry["why"]
    assert entry["source"] in FIGURES["sources"]


def test_every_published_figure_has_a_source():
    for known in FIGURES["published"].values():
        assert known["source"] in FIGURES["sources"]
        assert all(0.5 < v <= 1 for k, v in known.items() if k != "source")
    guide = FIGURES["guide"]
    assert FIGURES["published"][guide["net"]]["source"] == "guide"
    assert guide["dataset"] in FIGURES["published"][guide["net"]]
