"""What disturbs a measurement is found, on the real machine and by the rules of the verdict."""

import os
import time

import pytest

from common.errors import ChainError
from inference import disturbance
from inference.disturbance import Watch, judge

QUIET = {
    "cpu_share": 0.99,
    "other_cpus": 0.02,
    "stolen_cpus": 0.0,
    "usable_cpus": 2,
    "load_average": 2.0,
    "clock_mhz": [3000.0, 2990.0, 3010.0],
}
EVEN = [100.0, 101.0, 99.0, 102.0, 100.5]


def test_a_steady_figure():
    found = judge(EVEN, 10.0, 2, QUIET)
    assert (found["fps"], found["least"], found["greatest"]) == (100.5, 99, 102)
    assert (found["verdict"], found["reasons"]) == ("steady", [])
    assert found["blocks_fps"] == EVEN
    assert found["load_average"] == 2


@pytest.mark.parametrize(
    ("changed", "blocks", "reason"),
    [
        ({"other_cpus": 0.5}, EVEN, "other processes kept 0.5 of 2 CPUs busy"),
        ({"stolen_cpus": 0.3}, EVEN, "the hypervisor took 0.3 of 2 CPUs"),
        ({"clock_mhz": [3000.0, 2700.0]}, EVEN, "the clock fell from 3000 to 2700 MHz"),
        ({}, [100.0, 100.0, 100.0, 100.0, 94.0], "the blocks differ by 6.0%"),
    ],
)
def test_what_disturbs_is_said(changed: dict, blocks: list, reason: str):
    found = judge(blocks, 10.0, 2, QUIET | changed)
    assert (found["verdict"], found["reasons"]) == ("disturbed", [reason])


def test_others_on_cpus_of_their_own_do_not_disturb():
    busy = QUIET | {"usable_cpus": 64, "other_cpus": 20.0}
    assert judge(EVEN, 10.0, 4, busy)["verdict"] == "steady"
    assert judge(EVEN, 10.0, 60, busy)["verdict"] == "disturbed"
    # The engine takes all where it was not told how many.
    assert judge(EVEN, 10.0, None, busy)["verdict"] == "disturbed"


@pytest.mark.parametrize(("blocks", "seconds"), [(EVEN[:4], 12.0), (EVEN, 9.9)])
def test_too_few_blocks_or_seconds_are_not_comparable(blocks: list, seconds: float):
    found = judge(blocks, seconds, 2, QUIET)
    assert found["verdict"] == "not comparable"
    assert f"blocks: {len(blocks)} in {seconds} s, of 5 in 10 s needed" in found["reasons"]
    with pytest.raises(ChainError, match=r"not comparable .*leave out LOOP="):
        disturbance.refuse_unless_steady(found)
    disturbance.refuse_unless_steady(judge(EVEN, 10.0, 2, QUIET))


def test_what_a_system_does_not_show_disturbs_nothing():
    unknown = QUIET | dict.fromkeys(("cpu_share", "other_cpus", "stolen_cpus", "clock_mhz"))
    assert judge(EVEN, 10.0, 2, unknown)["verdict"] == "steady"


@pytest.fixture
def one_cpu():
    """Keep this process on one CPU."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


def test_own_work_is_not_taken_for_that_of_others(one_cpu):
    """On the real counters: this process works for half a second."""
    watch = Watch()
    end = time.process_time() + 0.5
    while time.process_time() < end:
        pass
    worked = watch.findings()
    assert worked["usable_cpus"] == 1
    # All that a CPU can do is what it did for this process and for others.
    assert worked["other_cpus"] <= 1.1
    assert worked["cpu_share"] is None or 0 < worked["cpu_share"] <= 1
    if worked["cpu_share"] is not None and worked["cpu_share"] > 0.95:
        assert worked["other_cpus"] < 0.3


def test_another_process_is_seen(one_cpu):
    """A second process on the same CPU takes about half of it."""
    child = os.fork()
    if not child:
        while True:
            pass
    try:
        watch = Watch()
        end = time.perf_counter() + 1
        while time.perf_counter() < end:
            pass
        found = watch.findings()
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert found["other_cpus"] > 0.2
    assert judge(EVEN, 10.0, 1, found)["verdict"] == "disturbed"
