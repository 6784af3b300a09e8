"""The paper to scale: its arithmetic, its pages, and a driver whose memory does not grow."""

import json
import re
import shutil
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest

from collection import scaling
from collection.scaling import DAY, HOUR, Measured, Node
from evaluation.published import figures
from support.big_collection import drive
from support.project import ROOT, expect_error, run_module
from support.results import change, make_result, make_set

FIGURES = ROOT / "docs/scale.json"
PAGES = [ROOT / "docs/scale.md", ROOT / "docs/scale.zh-CN.md"]
# Round figures, to be checked by head.
ROUND = Measured(
    decoded=1000, listed=1e5, compared=5e4, walked=1e6, finished=1e4, written=1e5, verified=1e8,
    picture=2500, listing=20, record=400, rest=52,
)  # fmt: skip


def scale(*arguments):
    return run_module("scale", "--figures", FIGURES, *arguments)


def test_both_pages_hold_what_the_script_makes_of_the_figures(tmp_path):
    copies = [Path(shutil.copy(page, tmp_path)) for page in PAGES]
    assert scale("--pages", *copies, "--check").returncode == 0
    known = json.loads(FIGURES.read_text())
    known["inference"][0]["fps"] *= 2
    (tmp_path / "scale.json").write_text(json.dumps(known))
    changed = ("--figures", tmp_path / "scale.json", "--pages", *copies)
    expect_error(run_module("scale", *changed, "--check"), "scale.md is out of date")
    assert run_module("scale", *changed).returncode == 0
    assert copies[0].read_text() != PAGES[0].read_text()
    assert run_module("scale", *changed, "--check").returncode == 0
    copies[0].write_text(PAGES[0].read_text().replace("<!-- scale memory -->", ""))
    expect_error(scale("--pages", *copies), "0 places <!-- scale memory -->")


def test_the_chinese_page_has_the_same_numbers():
    def numbers(page):
        tables = re.findall(r"<!-- scale .*?<!-- /scale -->", page.read_text(), re.DOTALL)
        rows = [line for table in tables for line in table.splitlines()[1:]]
        return [re.findall(r"\d[\d.,]*\d|\d", row) for row in rows]

    assert numbers(PAGES[0]) == numbers(PAGES[1])


def test_every_figure_says_where_when_and_how_it_was_measured():
    known = json.loads(FIGURES.read_text())
    entries = [*known["inference"], *known["figures"].values(), *known["driver"]]
    assert len(entries) > 20
    for one in entries:
        assert one["command"] and one["machine"] in known["machines"]
        assert re.fullmatch(r"2\d{3}-\d\d-\d\d", one["date"])
    assert all(one["value"] > 0 and one["unit"] for one in known["figures"].values())


def test_inference_figures_stand_in_the_documents_that_they_are_from():
    documents = (ROOT / "docs/benchmarks.md").read_text() + (ROOT / "docs/precision.md").read_text()
    for one in json.loads(FIGURES.read_text())["inference"]:
        assert f" {one['fps']} " in documents, one
        assert "accuracy" not in one or f" {one['accuracy']:.4f} " in documents
        assert one["date"] in documents
    for fps in figures()["guide"]["fps"].values():
        assert f"| {fps:,} " in PAGES[0].read_text()


def test_arithmetic_of_round_figures():
    # 100 img/s: 20 ms a face, and half a millisecond of two cores to decode it.
    assert scaling.faces_a_second(Node(100, 2), ROUND) == pytest.approx(1 / 0.0205)
    assert scaling.faces_a_second(Node(100, None), ROUND) == 50
    work = scaling.job(10**6)
    assert (work.shards, work.inputs) == (1000, 1000)
    assert scaling.job(10**9) == (10**9, 10**5, 10**4)
    assert scaling.job(10**9 + 1).shards <= 10**5
    # 10.1 s of the driver; a shard takes 20 s: 179 in what is left of the hour, 1,000 to do.
    assert scaling.driver_seconds(work, ROUND) == pytest.approx(10.1)
    assert scaling.nodes(work, Node(100, None), ROUND, HOUR) == 6
    assert scaling.nodes(work, Node(100, None), ROUND, 30) is None
    # Listing 10^9 takes 10,000 s: no number of nodes does it in an hour, but in a day.
    assert scaling.nodes(scaling.job(10**9), Node(1e9, None), ROUND, HOUR) is None
    assert scaling.nodes(scaling.job(10**9), Node(1e5, None), ROUND, DAY) == 1
    stored = scaling.stored_bytes(work, ROUND, "float16", 512)
    assert stored == {"embeddings": 1076e6, "listing": 20e6, "records": 400e3}
    assert scaling.restart_seconds(work, ROUND, "float32", 512) == pytest.approx(20 + 21)


def test_a_configuration_of_ones_own_and_its_price(tmp_path, project):
    make_set(tmp_path)
    perf = make_result(tmp_path) / "perf.json"
    change(perf, dimension=128)
    said = scale("--perf", perf).stdout.splitlines()
    assert said[0].startswith("mobilefacenet openvino fp32 batch 4, a node of 2 cores: ")
    assert len(said) == 6 and "cost" not in said[1]
    hours = float(said[3].split("|")[2].replace(",", ""))
    priced = scale("--perf", perf, "--price", 2).stdout.splitlines()
    cost = float(priced[3].split("|")[-2].replace(",", ""))
    assert cost == pytest.approx(2 * hours, rel=0.01)
    change(perf, throughput=None)
    for price in ("-1", "1,5", "1e3", "."):
        said = project.make("scale", f"PRICE={price}", ok=False).stderr
        assert f"PRICE={price} is not allowed; give one number such as 2.5" in said
    expect_error(scale("--perf", perf), "is not of this version; run make perf again")


def peak(shards: int, unreadable: int = 0) -> tuple[int, int]:
    """Return the most bytes, Python's and pyarrow's, that the driver took for ``shards``."""
    pool, usual = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        storage, _ = drive(shards * 500, 500, unreadable)
        python = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)
    assert json.loads(storage.manifest)["unreadable"] == shards * unreadable
    return python, pool.max_memory()


def test_the_drivers_memory_does_not_grow_with_the_collection():
    peak(2)  # what is loaded once
    small, large = peak(20), peak(200)
    assert large[0] < 1.1 * small[0]
    assert large[1] < 1.1 * small[1]
