"""Shards embedded by the nodes of a Ray cluster, by Ray Data: it feeds a pool of actors, grows it
and starts its actors again. Each holds one worker, and only counts come back.

A shard is a row and a block of its own: one shard is what is done again where a node ends.
"""

from __future__ import annotations

import itertools
import logging
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import ray
import ray.data
from ray.util.annotations import RayDeprecationWarning

from collection import ray_cluster, ray_share
from collection.settings import Settings
from collection.worker import Counts, Worker
from common.errors import ChainError

# Shards that Ray is given at a time, so that its driver's memory does not grow with the collection.
_AT_A_TIME = 10_000
# Of an actor that ends again and again the run ends too, rather than never.
_RESTARTS = 20


class Embedder:
    """What an actor holds: a worker, made by the first shard so that its errors come back."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._worker: Worker | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Embed ``row["shard"]``; return its counts, the seconds it took, or an error."""
        try:
            self._worker = self._worker or Worker(self._settings)
            start, waited = time.perf_counter(), self._worker.waited
            counts = self._worker.embed(int(row["shard"]))
        except (ChainError, OSError) as error:
            return {"counts": [], "seconds": 0.0, "waited": 0.0, "error": str(error)}
        seconds, waited = time.perf_counter() - start, self._worker.waited - waited
        return {"counts": list(counts), "seconds": seconds, "waited": waited, "error": ""}


def _configuration(settings: Settings) -> dict[str, Any] | str:
    try:
        return Worker(settings).configuration
    except (ChainError, OSError) as error:
        return str(error)


class Nodes:
    """The nodes of the cluster that this process is connected to, as one worker.

    An actor takes ``settings.threads`` CPUs, else all of the smallest node's; on a GPU one of the
    node's GPUs, and its share of the CPUs. ``startup`` are the seconds of a run until the first
    actor began its first shard. What ``make tune`` found is for whole machines, and is left out.
    """

    def __init__(self, settings: Settings) -> None:
        self.waited = self.startup = 0.0
        settings = ray_share.with_device(settings)
        self._resources = ray_share.of_actor(settings)
        self._settings = _everywhere(settings)._replace(
            threads=settings.threads or int(self._resources["num_cpus"]), tuned=None
        )
        with ray_cluster.sentences():
            answer = ray.get(
                ray.remote(_configuration).options(**self._resources).remote(self._settings)
            )
        if isinstance(answer, str):
            raise ChainError(answer)
        self.configuration = answer

    def run(self, shards: Iterable[int], watch: Callable[[Iterable], Iterable]) -> Iterator[Counts]:
        """Do as ``Worker.run``; the shards come in the order in which they are done."""
        for counts in watch(self._by_input(shards)):
            if counts is not None:
                yield counts

    def _by_input(self, shards: Iterable[int]) -> Iterator[Counts | None]:
        """Yield something for each input: with the last one of a shard its counts."""
        shards, busy, waited = iter(shards), 0.0, 0.0
        start = time.perf_counter()
        while part := list(itertools.islice(shards, _AT_A_TIME)):
            for row in self._rows(part):
                if row["error"]:
                    raise ChainError(row["error"])
                counts = Counts(*row["counts"])
                yield from itertools.repeat(None, counts.inputs - 1)
                yield counts
                self.startup = self.startup or time.perf_counter() - start - row["seconds"]
                busy, waited = busy + row["seconds"], waited + row["waited"]
                # As of one engine that was busy all the time.
                self.waited = waited / busy * (time.perf_counter() - start - self.startup)

    def _rows(self, shards: list[int]) -> Iterator[dict[str, Any]]:
        room = sum(ray_share.room(node, self._resources) for node in ray_cluster.nodes())
        rows = ray.data.from_items(
            [{"shard": shard} for shard in shards], override_num_blocks=len(shards)
        )
        pool = ray.data.ActorPoolStrategy(
            min_size=1,
            max_size=len(shards),
            initial_size=max(1, min(room, len(shards))),
            max_tasks_in_flight_per_actor=2,
        )
        limits = {"max_restarts": _RESTARTS, "max_task_retries": _RESTARTS}
        with warnings.catch_warnings():
            # Of limits, which this version has no other way to give.
            warnings.simplefilter("ignore", RayDeprecationWarning)
            counted = rows.map(
                Embedder,
                fn_constructor_args=(self._settings,),
                compute=pool,
                **self._resources,
                **limits,
            )
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        with ray_cluster.sentences():
            yield from counted.iter_rows()


def _everywhere(settings: Settings) -> Settings:
    """Return ``settings`` with paths that mean the same in every process."""
    out = settings.out if "://" in settings.out else str(Path(settings.out).absolute())
    return settings._replace(
        source=str(Path(settings.source).absolute()),
        out=out,
        model=settings.model.absolute(),
        detector=settings.detector and settings.detector.absolute(),
    )
