"""make diagnose: the setting that the network was trained with is named, and mistakes of it too."""

import re

import numpy as np
import pytest

from dataset.preprocessing import Preprocessing, parse
from evaluation import diagnosis
from support.project import Project, expect_error, run_module
from support.sealing import seal

GUIDE = Preprocessing()


def test_settings_hold_each_form_once_and_the_given_one_first():
    given = parse("rgb", "123.675,116.28,103.53", "58.395,57.12,57.375")
    found = diagnosis.settings(given)
    assert found[0] == given
    assert len(found) == len(set(found)) == 11
    # The same means, for the order of the channels.
    assert parse("bgr", "103.53,116.28,123.675", "57.375,57.12,58.395") in found
    assert len(diagnosis.settings(GUIDE)) == 10


def test_d_prime_is_the_distance_of_means_in_deviations():
    rng = np.random.default_rng(4)
    issame = np.arange(20000) % 2 == 0
    distances = np.where(issame, 1, 2.5) + rng.normal(0, 0.5, 20000)
    assert diagnosis.d_prime(distances, issame) == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize(
    ("separation", "words"),
    [
        ({}, "COLOUR=bgr MEAN=127.5 SCALE=127.5 fits best"),
        ({parse("bgr", "127.5", "128"): 5.05}, "fits best"),
        ({parse("rgb", "127.5", "127.5"): 6}, "colours are swapped: COLOUR=rgb"),
        ({parse("bgr", "0", "255"): 6}, "likelier trained with COLOUR=bgr MEAN=0 SCALE=255"),
        ({parse("rgb", "0", "1"): 6}, "likelier trained with COLOUR=rgb MEAN=0 SCALE=1"),
    ],
)
def test_reading(separation: dict, words: str):
    values = dict.fromkeys(diagnosis.settings(GUIDE), 4.0) | {GUIDE: 5.0} | separation
    assert words in diagnosis.likeliest(GUIDE, values)


def test_a_set_of_one_kind_is_refused(ready, tmp_path):
    np.save(tmp_path / "list.npy", np.ones(20, bool))
    seal(tmp_path / "list.npy")
    arguments = ("--model", ready / "model_m_bs1_sim.onnx", "--crops", ready / "crops")
    engine = ("--engine", "onnxruntime", "--precision", "fp32", "--batch-size", 1)
    result = run_module("diagnose", *arguments, *engine, "--labels", tmp_path / "list.npy")
    expect_error(result, "list.npy", "both kinds")


@pytest.mark.long
def test_real_networks_are_read_rightly(project: Project, shared):
    base = ("diagnose", f"DATA={shared}/lfw.bin", "NET=mobilefacenet", "THREADS=2")
    weights = f"WEIGHTS={shared}/mobilefacenet.pth"
    swapped = project.make(*base, weights, "COLOUR=rgb").stdout
    assert "reading: the colours are swapped: COLOUR=bgr separates better" in swapped
    primes = dict(re.findall(r"^\| (.+?) +\| 0\.\d+ +\| 0\.\d+ \| ([\d.]+)", swapped, re.M))
    names = {name for name in primes if name.startswith(("bgr", "rgb"))}
    # The true setting, by which make accuracy runs, has the greatest d' but for the scale of 128.
    best = sorted(names, key=lambda name: -float(primes[name]))[:2]
    assert {name[:13] for name in best} == {"bgr, (x - 127"}, primes
    assert "crops shifted by 4 pixels" in primes
