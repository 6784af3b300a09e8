"""Comparing two configurations of one set."""

import json

import numpy as np
import pytest
from scipy.stats import binom

from evaluation.comparison import compare
from evaluation.outcome import load_outcome
from support.project import expect_error, run_module
from support.results import change, make_result, make_set
from support.sealing import seal


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    root = tmp_path_factory.mktemp("compare")
    make_set(root)
    a = make_result(root, perf=False)
    b = make_result(root, precision="int8", noise=1.2, perf=False)
    return root, a, b


def test_counts_p_value_and_changed_pairs(two):
    root, a, b = two
    one, other = load_outcome(a, root / "data"), load_outcome(b, root / "data")
    found = compare(one, other)
    changed = [pair["pair"] for pair in found["changed"]]
    assert changed == np.flatnonzero(one.right != other.right).tolist()
    assert changed, "the noise must change some pair, or this test tests nothing"
    losses, wins = found["only_a_right"], found["only_b_right"]
    assert losses + wins == len(changed)
    # McNemar's exact test by its definition: twice the smaller tail of a fair coin.
    tail = 2 * binom.cdf(min(losses, wins), losses + wins, 0.5)
    assert found["p_value"] == pytest.approx(min(1, tail))
    assert found["difference"]["mean"] == pytest.approx((wins - losses) / len(one.issame))
    assert found["difference"]["low"] <= found["difference"]["mean"] <= found["difference"]["high"]
    assert 0 < found["cosine"]["min"] < found["cosine"]["mean"] < 1


def test_a_configuration_against_itself(two):
    root, a, _ = two
    one = load_outcome(a, root / "data")
    found = compare(one, one)
    assert found["p_value"] == 1
    assert found["changed"] == []
    assert found["cosine"]["min"] == pytest.approx(1)


def test_command_prints_and_writes(two):
    root, a, b = two
    out = root / "result/compare"
    done = run_module("compare", "--a", a, "--b", b, "--data", root / "data", "--out", out)
    assert done.returncode == 0, done.stderr
    written = json.loads((out / f"{a.name}_against_{b.name}.json").read_text())
    assert f"p = {written['p_value']:.4g}" in done.stdout
    assert f"pair {written['changed'][0]['pair']} " in done.stdout


def test_other_weights_have_no_cosine_and_other_sets_are_refused(two, tmp_path):
    root, a, _ = two
    b = make_result(root, engine="onnxruntime", weights="f" * 64, perf=False)
    done = run_module("compare", "--a", a, "--b", b, "--data", root / "data", "--out", tmp_path)
    assert "different weights" in done.stdout
    change(b / "accuracy.json", data_sha256="0" * 64)
    done = run_module("compare", "--a", a, "--b", b, "--data", root / "data", "--out", tmp_path)
    expect_error(done, "different sets")


def test_mixed_up_files_and_missing_ones_are_refused(two, tmp_path):
    root, a, b = two
    mixed = make_result(root, batch_size=8, perf=False)
    np.save(mixed / "embeddings.npy", np.load(b / "embeddings.npy"))
    seal(mixed / "embeddings.npy")
    arguments = ("--data", root / "data", "--out", tmp_path)
    expect_error(run_module("compare", "--a", a, "--b", mixed, *arguments), "do not belong")
    expect_error(run_module("compare", "--a", a, "--b", tmp_path, *arguments), "accuracy.json")
