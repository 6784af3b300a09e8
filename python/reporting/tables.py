"""The report's tables as rows of text, the header first, for the page and the Markdown."""

from common.errors import ChainError
from evaluation.comparison import compare
from evaluation.metrics import FARS, far_name
from evaluation.published import figures, published
from reporting.collect import Configuration

Rows = list[list[str]]
NONE = "-"


def results(configurations: list[Configuration]) -> Rows:
    """The guide's table, with what tells its rows apart."""
    rows = [
        [
            "network",
            "chip or CPU",
            "engine",
            "precision",
            "batch",
            "data set",
            "accuracy",
            "95% interval",
            "published",
            "fps",
            "p50 ms",
            "p99 ms",
        ]
    ]
    for c in configurations:
        rows.append(
            [
                c.network,
                c["device"],
                c.engine,
                c["precision"],
                str(c["batch_size"]),
                c["dataset"],
                *_accuracy(c),
                _published(c),
                *_speed(c),
            ]
        )
    return rows


def _accuracy(c: Configuration) -> list[str]:
    if not c.accuracy:
        return [NONE, NONE]
    return [f"{c.accuracy['accuracy']:.4f}", _interval(c)]


def _interval(c: Configuration) -> str:
    interval = c.accuracy["accuracy_interval"]
    return f"{interval['low']:.4f} to {interval['high']:.4f}"


def _published(c: Configuration) -> str:
    known = published(figures(), c["net"], c["dataset"])
    return NONE if known is None else f"{known:.4f}"


def _speed(c: Configuration) -> list[str]:
    if not c.perf:
        return [NONE, NONE, NONE]
    # A throughput of another model than the accuracy beside it would mislead.
    if c.accuracy and c.accuracy["model_sha256"] != c.perf["model_sha256"]:
        return ["out of date", NONE, NONE]
    ms = c.perf["latency_ms"]
    return [f"{c.perf['throughput_fps']:.1f}", f"{ms['median']:.2f}", f"{ms['p99']:.2f}"]


def npu_variants(configurations: list[Configuration]) -> Rows:
    """Device-only fps of the same network on an NPU: plain, AIPP, fused and both, side by side.

    They are for each device, beside the guide's where it measured that network on that chip.
    """
    variants = ("plain", "AIPP", "fused", "fused AIPP")
    guide = figures()["guide"]
    rows: dict[tuple, dict[str, str]] = {}
    for c in configurations:
        if c.variant and c.perf:
            key = (c.network, c["dataset"], c["device"], c["precision"], str(c["batch_size"]))
            own = (c["net"], c["device"]) == (guide["net"], guide["device"])
            fps = guide["fps"].get(key[-1], NONE) if own else NONE
            cells = rows.setdefault(key, dict.fromkeys(variants, NONE) | {"guide": str(fps)})
            cells[c.variant] = f"{c.perf['throughput_fps'] / len(c.perf['devices']):.1f}"
    header = ["network", "data set", "chip", "precision", "batch", *variants, "guide's fps"]
    return [header, *([*key, *cells.values()] for key, cells in rows.items())]


def measures(members: list[Configuration]) -> Rows:
    """Accuracy, threshold, AUC, EER and TAR at each FAR of a group's configurations."""
    tars = [f"TAR@{far_name(far)}" for far in FARS]
    rows = [["configuration", "accuracy", "95% interval", "std", "threshold", "AUC", "EER", *tars]]
    for c in members:
        a = c.accuracy
        found = {point["far"]: point for point in a["tar_at_far"]}
        rows.append(
            [c.label, f"{a['accuracy']:.4f}", _interval(c), f"{a['accuracy_std']:.4f}"]
            + [f"{a['best_threshold']:.3f}", _number(a["auc"], 5), _number(a["eer"], 4)]
            + [_tar(found.get(far)) for far in FARS]
        )
    return rows


def _number(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _tar(point: dict | None) -> str:
    if point is None:
        return NONE
    # accuracy.json holds the sentence; a cell has room for two words.
    return "too few pairs" if point["tar"] is None else f"{point['tar']:.4f}"


def against_first(members: list[Configuration]) -> Rows:
    """A group's configurations compared with its first one, which is fp32 where there is one."""
    rows = [
        [
            "configuration",
            "accuracy",
            "difference",
            "95% interval",
            "pairs changed",
            "p (McNemar)",
            "mean cosine",
            "lowest cosine",
        ]
    ]
    members = [c for c in members if c.outcome]
    for c in members[1:]:
        try:
            found = compare(members[0].outcome, c.outcome)
        except ChainError:
            continue  # data of another length under the same name; its notes say so
        difference, cosine = found["difference"], found["cosine"] or {}
        rows.append(
            [
                c.label,
                f"{found['accuracy_b']:.4f}",
                f"{difference['mean']:+.4f}",
                f"{difference['low']:+.4f} to {difference['high']:+.4f}",
                str(len(found["changed"])),
                f"{found['p_value']:.3g}",
                _number(cosine.get("mean"), 6),
                _number(cosine.get("min"), 6),
            ]
        )
    return rows


def parity(configurations: list[Configuration]) -> Rows:
    """What each stage of the chain gives, compared with the stage before it."""
    rows = [["checkpoint", "batch", "stage", "lowest cosine", "largest relative error"]]
    seen = set()
    for c in configurations:
        for stage, found in (c.parity or {}).items():
            if isinstance(found, dict) and (c["checkpoint"], c["batch_size"], stage) not in seen:
                seen.add((c["checkpoint"], c["batch_size"], stage))
                rows.append(
                    [
                        c["checkpoint"],
                        str(c["batch_size"]),
                        f"PyTorch and {stage}",
                        _number(found.get("min_cosine"), 8),
                        _error(found.get("max_relative_error")),
                    ]
                )
        if found := c.identity.get("device_parity"):
            rows.append(
                [
                    c["checkpoint"],
                    str(c["batch_size"]),
                    f"ONNX Runtime and {c['device']}, {c['precision']} {c.variant}",
                    _number(found["min_cosine"], 8),
                    _error(found["max_relative_error"]),
                ]
            )
    return rows


def _error(value: float | None) -> str:
    return NONE if value is None else f"{value:.1e}"
