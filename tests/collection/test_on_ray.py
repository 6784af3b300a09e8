"""make embed RAY_ADDRESS=: a cluster of several nodes makes what one machine makes."""

import os
import random
import signal
import socket
import subprocess
import sys

import pytest
import ray

from collection import ray_cluster
from common.errors import ChainError
from support import embedded, ray_nodes
from support.project import PYTHON, expect_error

INPUTS = 120
DOOR = PYTHON / "embed_on_ray.py"


@pytest.fixture(scope="module")
def model(ready):
    return ready / "model_m_bs16_sim.onnx"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The environment of processes that a marked picture ends; the nodes have it too."""
    return ray_nodes.poisoned(tmp_path_factory.mktemp("poison"))


@pytest.fixture
def nodes(environment):
    """Two nodes of one CPU."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PYTHONPATH", "RAY_USAGE_STATS_ENABLED"):
            patch.setenv(name, environment[name])
        found = ray_nodes.Nodes(2)
    yield found
    found.shutdown()


@pytest.fixture(scope="module")
def source(tiny, tmp_path_factory):
    return embedded.tree(tmp_path_factory.mktemp("source"), embedded.pictures(tiny, INPUTS))


@pytest.fixture(scope="module")
def one_machine(model, source, tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "out"
    assert embedded.embed(model, source, out, "--shard-inputs", 5).returncode == 0
    return out


def test_a_node_is_lost_a_node_is_late_and_the_driver_begins_again(
    model, source, one_machine, nodes, tmp_path
):
    out = tmp_path / "out"
    driver = nodes.begin(model, source, out)
    assert ray_nodes.wait_for(lambda: ray_nodes.done(out) >= 3, driver)
    driver.kill()
    driver.communicate()
    kept = {path: path.stat().st_mtime_ns for path in out.glob("embeddings/shard-*.json")}
    driver = nodes.begin(model, source, out)
    assert ray_nodes.wait_for(lambda: ray_nodes.done(out) >= len(kept) + 3, driver)
    nodes.kill(0)
    nodes.add()
    _, errors = driver.communicate(timeout=120)
    assert driver.returncode == 0, errors
    # Of what Ray says nothing reaches the terminal.
    for line in errors.splitlines():
        assert "shards are done already" in line or line.startswith("  input "), errors
    assert f"{INPUTS} of {INPUTS} inputs" in embedded.card(out)
    ray_nodes.same(out, one_machine, INPUTS)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_an_input_that_ends_its_process_is_set_aside(model, tiny, environment, nodes, tmp_path):
    images = embedded.pictures(tiny, 20)
    images[7] += ray_nodes.MARK
    source, out = embedded.tree(tmp_path / "source", images), tmp_path / "out"
    driver = nodes.begin(model, source, out)
    _, errors = driver.communicate(timeout=120)
    assert driver.returncode == 0, errors
    # How far it is, on a slow machine; nothing of Ray's.
    assert all(line.startswith("  input ") for line in errors.splitlines()), errors
    assert "19 of 20 inputs; 1 unreadable" in embedded.card(out)
    (bad,) = embedded.unreadable(out)
    assert bad == {
        "key": "person_01/0007.jpg",
        "reason": "person_01/0007.jpg ended the process that read it, 3 times",
        "shard": 1,
        "row": 2,
    }
    # On one machine the run ends with it, and the same command goes on.
    one = tmp_path / "one"
    command = [sys.executable, PYTHON / "embed_collection.py"]
    command += embedded.arguments(model, source, one, "--shard-inputs", 5)
    ends = [
        subprocess.run(command, env=environment, capture_output=True, check=False).returncode
        for _ in range(2)
    ]
    assert ends == [-signal.SIGABRT, 0]
    assert embedded.unreadable(one) == [bad]
    ray_nodes.same(out, one, 20)


def test_clusters_that_do_not_do(model, source, nodes, tmp_path, monkeypatch):
    out = tmp_path / "out"

    def refused(address, *options, before="pass"):
        arguments = embedded.arguments(model, source, out, *options)
        run = f"runpy.run_path({str(DOOR)!r}, run_name='__main__')"
        code = f"import runpy, sys; sys.argv[0] = {str(DOOR)!r}; {before}; {run}"
        command = [sys.executable, "-c", code, "--address", address, *arguments]
        return subprocess.run(
            command,
            env=os.environ | {"PYTHONPATH": str(PYTHON)},
            capture_output=True,
            text=True,
            check=False,
        )

    expect_error(refused("127.0.0.1:1"), "no Ray cluster answers at RAY_ADDRESS=127.0.0.1:1")
    expect_error(refused(nodes.address, "--threads", 2), "has 2 CPUs", "THREADS=")
    other = refused(nodes.address, before="import ray; ray.__version__ = '2.0'")
    expect_error(other, "has Ray 2.60.0", "and here are Ray 2.0", "environment")
    absent = refused(nodes.address, "--model", tmp_path / "absent.onnx")
    expect_error(absent, "absent.onnx")
    assert not (out / "manifest.json").exists()
    with ray_cluster.connected(nodes.address):
        task = ray.remote(lambda: __import__("absent.module"))
        said = "a node of the Ray cluster has no module absent; nodes need this project's folder"
        with pytest.raises(ChainError, match=said), ray_cluster.sentences():
            ray.get(task.remote())
    monkeypatch.setattr(ray_cluster, "_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with (
            pytest.raises(ChainError, match="no Ray cluster answers"),
            ray_cluster.connected(address),
        ):
            pass


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_ten_random_kills(seed, model, source, one_machine, nodes, tmp_path):
    """Of five seeds together: 50."""
    chance, out, kills = random.Random(seed), tmp_path / "out", []
    driver = nodes.begin(model, source, out)
    while len(kills) < 10:
        target = ray_nodes.done(out) + chance.randrange(1, 4)
        if not ray_nodes.wait_for(lambda n=target, o=out: ray_nodes.done(o) >= n, driver):
            # It had ended before the next one: once more from the start.
            _, errors = driver.communicate()
            assert driver.returncode == 0, errors
            ray_nodes.same(out, one_machine, INPUTS)
            out = out.with_name(f"{out.name}_")
            driver = nodes.begin(model, source, out)
            continue
        kind = ray_nodes.kill_something(nodes, driver, chance)
        kills += [] if kind == "none" else [kind]
        if kind == "driver":
            driver = nodes.begin(model, source, out)
    _, errors = driver.communicate(timeout=300)
    assert driver.returncode == 0, errors
    ray_nodes.same(out, one_machine, INPUTS)
    print(f"seed {seed}: {' '.join(kills)}")
