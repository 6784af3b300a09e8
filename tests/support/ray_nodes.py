"""A Ray cluster of several nodes on this machine, and make embed on it."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from ray.cluster_utils import Cluster

from support import embedded
from support.project import PYTHON

MARK = b"ends who decodes it"
# A module that Python imports at its start: decoding a picture with MARK behind it ends a process.
_POISON = f"""
import os, cv2
decode = cv2.imdecode
def imdecode(content, flags):
    return os.abort() if bytes(content).endswith({MARK!r}) else decode(content, flags)
cv2.imdecode = imdecode
"""
_ROOM = {"object_store_memory": 100 << 20}


def poisoned(folder: Path) -> dict[str, str]:
    """Return the environment of processes that a picture with MARK ends."""
    (folder / "sitecustomize.py").write_text(_POISON)
    return os.environ | {"PYTHONPATH": str(folder), "RAY_USAGE_STATS_ENABLED": "0"}


class Nodes:
    """A head without CPUs, and nodes of one CPU each."""

    def __init__(self, count: int) -> None:
        head = {"num_cpus": 0, "include_dashboard": False, **_ROOM}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.address = self._cluster.address
        self.nodes = []
        for _ in range(count):
            self.add()

    def add(self) -> None:
        """Let a node join."""
        self.nodes.append(self._cluster.add_node(num_cpus=1, **_ROOM))

    def kill(self, index: int) -> None:
        """End a node's processes at once."""
        self._cluster.remove_node(self.nodes.pop(index), allow_graceful=False)

    def actors(self) -> list[psutil.Process]:
        """Return the actors' processes, of this cluster and this user."""
        mine = psutil.Process().children(recursive=True)
        return [p for p in mine if _title(p).startswith("ray::MapWorker")]

    def shutdown(self) -> None:
        self._cluster.shutdown()

    def begin(self, model: Path, source: Path, out: Path) -> subprocess.Popen:
        """Start the door of make embed RAY_ADDRESS= with shards of five inputs."""
        arguments = embedded.arguments(model, source, out, "--shard-inputs", 5)
        return subprocess.Popen(
            [sys.executable, PYTHON / "embed_on_ray.py", "--address", self.address, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def done(out: Path) -> int:
    """Return how many shards of ``out`` are done."""
    return len(list(out.glob("embeddings/shard-*.json")))


def wait_for(condition: Callable[[], bool], process: subprocess.Popen, seconds: int = 60) -> bool:
    """Wait until ``condition`` holds; return False where ``process`` ended before."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return True


def same(out: Path, other: Path, inputs: int) -> None:
    """Assert that both hold the same rows, of ``inputs`` inputs none twice, bit for bit."""
    rows = embedded.rows(out)
    assert rows == embedded.rows(other)
    manifest = embedded.manifest(out)
    assert manifest["complete"] and manifest["rows"] + manifest["unreadable"] == inputs
    keys = [row["key"] for row in rows] + [one["key"] for one in embedded.unreadable(out)]
    assert len(keys) == len(set(keys)) == inputs
    assert not list(out.glob("attempts/*"))
    assert not list(out.rglob(".*.tmp-*"))


def kill_something(nodes: Nodes, driver: subprocess.Popen, chance: random.Random) -> str:
    """End a node, an actor or the driver, whichever ``chance`` chooses; return which it was."""
    kind = chance.choice(["node", "actor", "driver"])
    if kind == "node":
        nodes.kill(chance.randrange(len(nodes.nodes)))
        nodes.add()
    elif kind == "actor":
        actors = nodes.actors()
        if not actors:
            return "none"
        chance.choice(actors).kill()
    else:
        driver.kill()
        driver.communicate()
    return kind
