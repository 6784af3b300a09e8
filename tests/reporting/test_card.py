"""The last lines of a run: they fit, say what the records say, and mix no two models."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest

from reporting import guide_table
from reporting.card import card, heading
from support.project import PYTHON
from support.results import change, make_result, make_set, result


@pytest.fixture
def folder(tmp_path):
    make_set(tmp_path, 120)
    return make_result(tmp_path)


def test_the_figures_are_those_of_the_records(folder):
    accuracy, perf = result(folder), result(folder, "perf")
    lines = card(folder)
    said = "\n".join(lines)
    # Whatever the folder is called.
    assert max(map(len, lines[:-2])) <= 80
    point, found = accuracy["operating_point"], perf["throughput"]
    assert f"accuracy    {accuracy['accuracy']:.2%}" in said
    assert f"threshold   {point['threshold']:.3f}, cosine {point['cosine']:.3f}" in said
    accepts, rejects = point["false_accepts"], point["false_rejects"]
    assert f"FAR {point['far']:.2%}" in said and f"; {accepts} of 60: few)" in said
    assert f"FRR {point['frr']:.2%}" in said and f"; {rejects} of 60: few)" in said
    # Of 60 different pairs no rate below 1e-1 can be seen.
    assert "at FAR 1e-1 (6 of 60: few)" in said
    assert f"throughput  {perf['throughput_fps']:,.0f} img/s ({found['least']:,.0f}-" in said
    assert ", steady), 70% of the CPU's peak" in said
    assert f"latency     {perf['latency_ms']['median']:.1f} ms for one batch alone, p99 " in said
    assert lines[-1] == "next        make report"


@pytest.mark.parametrize(
    ("accepts", "rejects", "verb"), [(0, 60, "refuses"), (60, 0, "accepts"), (0, 59, None)]
)
def test_a_threshold_that_tells_nobody_apart_is_said(folder, accepts, rejects, verb):
    point = result(folder)["operating_point"]
    assert "every pair" not in "\n".join(card(folder))
    point |= {"false_accepts": accepts, "false_rejects": rejects}
    change(folder / "accuracy.json", operating_point=point)
    said = [line for line in card(folder) if "every pair" in line]
    expected = [f"note        the threshold {verb} every pair: nobody is told apart by it"]
    assert said == (expected if verb else [])


def test_what_is_missing_comes_next(folder):
    (folder / "perf.json").unlink()
    assert card(folder)[-1] == "next        make perf, with the same variables"
    assert "throughput" not in "\n".join(card(folder))


def test_figures_of_two_models_do_not_stand_together(folder):
    change(folder / "perf.json", model_sha256="b" * 64, date="2026-11-26T00:00:00Z")
    said = "\n".join(card(folder))
    assert "throughput" in said and "accuracy  " not in said
    assert "older, and of another model or device" in said
    assert card(folder)[-1] == "next        make accuracy, with the same variables"
    change(folder / "perf.json", date="2026-11-24T00:00:00Z")
    said = "\n".join(card(folder))
    assert "throughput" not in said and "accuracy  " in said


def test_a_figure_that_is_not_steady_says_why(tmp_path):
    make_set(tmp_path, 120)
    folder = make_result(tmp_path, others=0.9)
    lines = card(folder)
    said = "\n".join(lines)
    assert ", disturbed)" in said
    assert "            other processes kept 0.9 of 2 CPUs busy" in lines
    shown = subprocess.run(
        [sys.executable, PYTHON / "show.py", folder / "perf.json"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "[INFO] this throughput is disturbed: other processes" in shown
    assert "(disturbed)" in guide_table.text([folder])


@pytest.mark.parametrize("loop", [99, 100])
def test_few_runs_say_nothing_of_the_slowest_in_a_hundred(folder, loop):
    change(folder / "perf.json", loop=loop)
    (line,) = (line for line in card(folder) if line.startswith("latency"))
    assert ("p99" in line) == (loop == 100)
    assert ("at most" in line) == (loop == 99)


def test_int8_calibrated_on_the_set_itself_says_so(tmp_path):
    make_set(tmp_path, 120)
    said = "\n".join(card(make_result(tmp_path, precision="int8")))
    assert "int8        calibrated on 50 images of faces, the evaluation set; labels unused" in said


@pytest.mark.parametrize(
    ("device", "shown"),
    [
        ("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", "Intel Xeon Platinum 8375C, 2 threads"),
        ("AMD EPYC 7B13 64-Core Processor", "AMD EPYC 7B13, 2 threads"),
        ("Ascend310P3", "Ascend310P3, 2 threads"),
    ],
)
def test_a_processor_goes_by_its_short_name(folder, device, shown):
    lines = heading(result(folder) | {"device": device})
    assert "\n".join(lines).endswith((f"batch 4 · {shown}", f"batch 4\n{' ' * 12}{shown}"))
    assert max(map(len, lines)) <= 80


def test_a_long_name_takes_a_line_more(folder):
    lines = heading(result(folder) | {"checkpoint": "a_network_of_my_own_with_a_long_name"})
    assert len(lines) == 2
    assert max(map(len, lines)) <= 80


def test_several_devices_are_counted(folder):
    record = result(folder) | {"device": "Ascend310P3", "devices": [0, 1], "threads": None}
    record |= {"engine": "ascend", "precision": "fp16", "graph": "fused", "aipp": True}
    (text,) = heading(record)
    assert text.endswith("ascend fp16 fused AIPP · batch 4 · 2 x Ascend310P3")


@pytest.mark.parametrize(("variables", "colours"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_is_for_a_terminal(folder, variables, colours):
    leader, follower = pty.openpty()
    command = [sys.executable, PYTHON / "show.py", folder / "perf.json"]
    environment = os.environ | {"TERM": "xterm"} | variables
    subprocess.run(command, stdout=follower, env=environment, check=True)
    said = os.read(leader, 65536).decode()
    os.close(leader)
    os.close(follower)
    assert ("\x1b[" in said) == colours
    in_a_pipe = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "\x1b" not in in_a_pipe.stdout
    assert re.sub("\x1b\\[[0-9]*m", "", said).replace("\r\n", "\n") == in_a_pipe.stdout


def test_it_needs_nothing_but_the_standard_library(folder):
    code = f"import sys; sys.path.insert(0, {str(PYTHON)!r}); import reporting.card, pathlib\n"
    code += f"print(*reporting.card.card(pathlib.Path({str(folder)!r})), sep='\\n')\n"
    code += "assert not {'numpy', 'scipy'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads((folder / "perf.json").read_text())["net"] in done.stdout
