"""How Chromium shows the report: on a desktop and a phone, light and dark, of one and of many."""

import re

import numpy as np
import pytest

from evaluation.comparison import compare
from evaluation.outcome import load_outcome
from support.chromium import NEEDS_CHROMIUM, look
from support.results import result

pytestmark = NEEDS_CHROMIUM
DESKTOP, PHONE = 1280, 390


@pytest.fixture(scope="module")
def desktop(three, tmp_path_factory):
    return look(three[0] / "result/report.html", tmp_path_factory.mktemp("desktop"))


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("which", ["one", "twenty"])
def test_page_fits_and_can_be_read(which, width, dark, request, tmp_path):
    root = request.getfixturevalue(which)
    page = look(root / "result/report.html", tmp_path, width, dark)
    assert (page["width"], page["dark"]) == (width, dark)
    assert (page["console"], page["broken"]) == ([], 0)
    assert page["scroll"] <= width
    assert page["cut"] + page["scrolls"] == []
    # Text of the plots in pixels; labels do not lie on one another.
    assert len(page["letters"]) > 10 and min(page["letters"]) >= 10
    assert page["plots"] and not any(page["overlaps"]) and not any(page["legends"])
    assert page["cell"] == ("flex" if width == PHONE else "table-cell")
    paper = sum(map(int, re.findall(r"\d+", page["paper"])))
    assert paper < 150 if dark else paper > 600


def test_plots_take_the_colours_of_the_scheme(twenty, tmp_path):
    light, dark = (look(twenty / "result/report.html", tmp_path, dark=d) for d in (False, True))
    curves = light["strokes"][0]
    assert len(curves) == 19 and len(set(curves)) == 6
    assert not set(curves) & set(dark["strokes"][0])


def test_page_is_whole_and_quiet(three, desktop):
    assert (desktop["console"], desktop["broken"]) == ([], 0)
    wrong = set()
    for folder in three[1]:
        outcome = load_outcome(folder, three[0] / "data")
        wrong |= set(np.flatnonzero(~outcome.right).tolist())
    assert len(wrong) > 8, "the results must have wrong pairs, or this tests nothing"
    # Two faces a pair, eight pairs open.
    assert (desktop["images"], desktop["visible"]) == (2 * len(wrong), 16)
    # Nothing is fetched: every picture is in the page.
    assert set(desktop["sources"]) == {"data:image"}
    assert all(name.startswith("data:") for name in desktop["requests"])


def test_cards_tell_what_is_known_of_the_first(three, desktop):
    accuracy, perf = (result(three[1][0], name) for name in ("accuracy", "perf"))
    cards = {title: (figure, lines) for title, figure, *lines in desktop["cards"]}
    point, interval = accuracy["operating_point"], accuracy["accuracy_interval"]
    figure, lines = cards["Accuracy"]
    assert figure == f"{100 * accuracy['accuracy']:.2f} %"
    assert lines[0] == (
        f"95 %: {100 * interval['low']:.2f}-{100 * interval['high']:.2f}; 120 pairs"
    )
    figure, lines = cards["Threshold"]
    assert figure == f"{accuracy['best_threshold']:.3f}"
    assert lines[0] == f"squared distance; cosine {1 - accuracy['best_threshold'] / 2:.3f}"
    assert lines[1].startswith(f"FAR {100 * point['false_accepts'] / 60:.2f} % (")
    # Batch 4 was faster, but beside another process; int8 was as fast, without.
    figure, lines = cards["Throughput"]
    fps = result(three[1][2], "perf")["throughput_fps"]
    assert figure == f"{fps:,.0f} img/s" and fps > perf["throughput_fps"]
    assert lines[0] == "steady" and "openvino int8, batch 4" in lines
    assert cards["Machine"] == (
        "A <b>CPU</b> & more", ["2 CPUs usable, 2 threads", "2026-11-25"]
    )  # fmt: skip


def test_comparison_has_the_right_numbers(three, desktop):
    heading, *rows = desktop["tables"][0]
    rows = {row[0].splitlines()[0]: dict(zip(heading, row, strict=True)) for row in rows}
    first = result(three[1][0], "perf")["throughput_fps"]
    for folder in three[1]:
        accuracy, perf = result(folder), result(folder, "perf")
        row = rows[f"openvino {accuracy['precision']}, batch {accuracy['batch_size']}"]
        fps = perf["throughput_fps"]
        assert float(row["images a second"].split()[0]) == pytest.approx(fps, abs=0.05)
        assert float(row["speed-up"].split()[0]) == pytest.approx(fps / first, abs=0.005)
        assert float(row["p50 ms"]) == pytest.approx(perf["latency_ms"]["median"], abs=0.005)
        assert float(row["p99 ms"]) == pytest.approx(perf["latency_ms"]["p99"], abs=0.005)
        assert row["accuracy"].split(" %")[0] == f"{100 * accuracy['accuracy']:.2f}"
    disturbed = rows["openvino fp32, batch 4"]
    assert disturbed["verdict"].split() == (
        ["disturbed", "other", "processes", "kept", "0.9", "of", "2", "CPUs", "busy"]
    )
    assert disturbed["speed-up"].endswith("doubtful")
    assert rows["openvino fp32, batch 1"]["verdict"] == "steady"
    assert disturbed["change, % points"] == "+0.00" and disturbed["McNemar p"] == "1"
    first, int8 = (load_outcome(three[1][k], three[0] / "data") for k in (0, 2))
    found = compare(first, int8)
    row = rows["openvino int8, batch 4"]
    assert found["changed"] and row["McNemar p"] == f"{found['p_value']:.3g}"
    assert row["change, % points"].startswith(f"{100 * found['difference']['mean']:+.2f}")


def test_tables_are_sorted_by_their_headings(desktop):
    column = [float(row[1].split()[0]) for row in desktop["tables"][0][1:]]
    assert column != sorted(column)
    assert [float(row[1].split()[0]) for row in desktop["sorted1"][1:]] == sorted(column)
    assert [float(row[1].split()[0]) for row in desktop["sorted2"][1:]] == sorted(
        column, reverse=True
    )


def test_plots_say_their_values_in_words(three, desktop):
    roc, distances = desktop["plots"]
    accuracy = result(three[1][0])
    point = accuracy["tar_at_far"][0]
    assert f"openvino fp32, batch 1: TAR {100 * point['tar']:.2f} % at 1e-1" in roc
    assert "openvino int8" in roc
    assert f"threshold {accuracy['best_threshold']:.3f}" in distances
    assert "60 pairs of different persons" in distances


def test_wrong_pairs_come_worst_first(three, desktop):
    shown = re.findall(r"(\d\.\d{3}) threshold (\d\.\d\d)\s+pair (\d+): (\w+)", desktop["text"])
    assert len(shown) == 8
    excess = [abs(float(distance) - float(threshold)) for distance, threshold, _, _ in shown]
    assert excess == sorted(excess, reverse=True)
    issame = np.load(three[0] / "data/faces_list.npy")
    for distance, threshold, pair, kind in shown:
        assert (kind == "same") == issame[int(pair)]
        assert (float(distance) >= float(threshold)) == issame[int(pair)]


def test_the_demo_comes_last_and_says_that_its_weights_are_random(twenty, tmp_path):
    page = look(twenty / "result/report.html", tmp_path)
    titles = [title for title in page["headings"] if " on faces" in title]
    assert titles[0] == "mobilefacenet on faces"
    assert re.fullmatch(
        r"mobilefacenet \(demo_mobilefacenet\) on faces\s+random weights", titles[1]
    )
    assert "onnxruntime fp32, batch 1" in page["cards"][0]
