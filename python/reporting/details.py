"""All that a result folder records of its runs, as terms and what is said of them."""

from typing import Any

from reporting.configuration import Configuration

Facts = list[tuple[str, str]]


def details(c: Configuration, found: dict[str, Any] | None) -> Facts:
    """Return the facts of ``c``; ``found`` is its comparison with the first of its group."""
    facts = _of_both(c) + (_of_accuracy(c.accuracy) if c.accuracy else [])
    if found:
        facts += _of_comparison(found)
    if c.perf:
        facts += _of_perf(c.perf)
    facts += [
        (name, c[key][:16])
        for name, key in (
            ("model", "model_sha256"), ("weights", "weights_sha256"), ("data", "data_sha256"),
        )
    ]  # fmt: skip
    return [(term, text) for term, text in facts if text]


def machine(c: Configuration) -> list[str]:
    """Return device, processor, the CPUs that could be used and threads, as far as recorded."""
    cpu, cpus, threads = (c.identity.get(key) for key in ("cpu", "usable_cpus", "threads"))
    said = [c["device"]]
    if cpu and cpu != c["device"]:
        said.append(f"beside {cpu}")
    if cpus:
        said.append(f"{cpus} CPUs usable" if cpus > 1 else "1 CPU usable")
    if threads:
        said.append(f"{threads} threads" if threads > 1 else "1 thread")
    return said


def _of_both(c: Configuration) -> Facts:
    record = c.identity
    form = record.get("preprocessing", {})
    return [
        ("machine", ", ".join(machine(c))),
        ("provider", record.get("provider", "")),
        ("versions", _named(record.get("versions", {}))),
        ("exported with", _named(record.get("exported_with", {}))),
        ("input", _named(form)),
        ("layers by arithmetic", _named(record.get("layers", {}))),
        ("calibration", c.calibration),
    ]


def _of_accuracy(a: dict[str, Any]) -> Facts:
    folds = (f"{100 * share:.2f}" for share in a["fold_accuracy"])
    cuts = (f"{cut:.2f}" for cut in a["fold_threshold"])
    return [
        ("accuracy measured", a.get("date", "")),
        ("images", f"{a['images']:,} in {a['wall_s']:.1f} s" if "wall_s" in a else ""),
        ("accuracy of the folds", ", ".join(folds) + " %"),
        ("their thresholds", ", ".join(cuts)),
        ("deployment", a["deploy"]),
    ]


def _of_comparison(found: dict[str, Any]) -> Facts:
    cosine = found["cosine"]
    return [
        (
            "against the first",
            f"pairs now right: {found['only_b_right']}, now wrong: {found['only_a_right']}",
        ),
        (
            "cosine with its embeddings",
            f"mean {cosine['mean']:.6f}, lowest {cosine['min']:.6f}" if cosine else "",
        ),
    ]


def _of_perf(perf: dict[str, Any]) -> Facts:
    run = perf["throughput"]
    ms = ", ".join(f"{name} {value:.2f}" for name, value in perf["latency_ms"].items())
    return [
        ("throughput measured", perf.get("date", "")),
        ("blocks, images a second", _numbers(run.get("blocks_fps"))),
        ("clock, MHz", _numbers(run.get("clock_mhz"))),
        ("run", _how(run)),
        ("verdict", "; ".join([run["verdict"], *run.get("reasons", [])])),
        ("beside it", _load(run)),
        ("schedules", "; ".join(map(_schedule, perf.get("schedules", [])))),
        ("scope", perf.get("throughput_scope", "")),
        ("latency of one batch, ms", f"{ms} ({perf['loop']} runs)"),
        ("peak", _peak(perf)),
    ]


def _how(run: dict[str, Any]) -> str:
    said = [_at_a_time(run["streams"])] if run.get("streams") else []
    for key, form in (
        ("batches", "{} batches"), ("seconds", "{:.1f} s"),
        ("attempts", "attempt {}"),
    ):  # fmt: skip
        if run.get(key) is not None:
            said.append(form.format(run[key]))
    return ", ".join(said)


def _load(run: dict[str, Any]) -> str:
    said = []
    for key, form in (
        ("cpu_share", "this process got {:.0%} of the processor time it could use"),
        ("other_cpus", "others kept {:.2f} CPUs busy"), ("stolen_cpus", "a hypervisor {:.2f}"),
        ("load_average", "load average {:.1f}"),
    ):  # fmt: skip
        if run.get(key) is not None:
            said.append(form.format(run[key]))
    return ", ".join(said)


def _at_a_time(streams: int) -> str:
    return "one batch at a time" if streams == 1 else f"{streams} batches at a time"


def _schedule(entry: dict[str, Any]) -> str:
    return f"{_at_a_time(entry['streams'])} {entry['fps']:.1f} images a second ({entry['verdict']})"


def _peak(perf: dict[str, Any]) -> str:
    if not (peak := perf.get("peak")) or perf.get("of_peak") is None:
        return perf.get("peak_note") or ""
    return f"{100 * perf['of_peak']:.0f} % of {peak['gflops']:,.0f} GFLOP/s ({peak['kernel']})"


def _numbers(values: list[float] | None) -> str:
    return ", ".join(f"{value:,.1f}" for value in values or [])


def _named(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in values.items())


def _plain(value: Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)
