"""``make embed`` killed at a write, then run again: it goes on where it stood.

The embeddings are those of an undisturbed run, byte for byte, and a shard that was done is not
done again.
"""

from __future__ import annotations

from random import Random

from torture import shim, warm
from torture.bench import Bench, finish, remove_products, run_steps
from torture.outcome import SURVIVED, WRONG, Outcome, left_over


def trial(seed: int, bench: Bench) -> Outcome:
    """Kill the embedding of a collection at one of its writes, and run it again."""
    random = Random(seed)
    specimen, control = bench.specimen, bench.control
    (traced,) = (t for t in bench.graph.traced if t.step.door == "embed_collection")
    specimen.restore()
    remove_products(bench, [traced])
    at = random.randint(1, traced.first)
    control.arm(shim.KILL, at, error=random.randrange(2))
    warm.run(specimen, traced.step, control)
    _, hit = control.disarm()
    did = f"killed at write {at}, {hit}"
    out = specimen.root / "result/collection"
    done = {path: path.stat() for path in out.glob("embeddings/shard-*.json")}
    failed, _ = run_steps(bench, [traced], f"{did}; the next run")
    if failed:
        return failed._replace(kind=WRONG)
    again = [p.name for p, was in done.items() if p.stat().st_mtime_ns != was.st_mtime_ns]
    if again:
        return Outcome(WRONG, f"{did}; {again} were done again")
    if differing := [n for n in traced.writes if n.endswith(".parquet") and not _same(bench, n)]:
        return Outcome(WRONG, f"{did}; afterwards differing: {differing}")
    # It sweeps what lies outside of the collection.
    finish(specimen.make("openvino", "preprocess"))
    if left := left_over(specimen.root):
        return Outcome(WRONG, f"{did}; left: {left}")
    return Outcome(SURVIVED, f"{did}; {len(done)} shards were kept")


def _same(bench: Bench, name: str) -> bool:
    return bench.graph.same(name, masked=False)
