"""The report's tables of accuracy: measures of each configuration, thresholds for each FAR."""

from typing import Any

from evaluation.comparison import compare
from evaluation.metrics import FARS, far_name
from reporting.cells import NONE, Cell, Table, number, percent, rate
from reporting.configuration import Configuration

Comparisons = dict[str, dict[str, Any]]


def compare_with_first(members: list[Configuration]) -> Comparisons:
    """Return what ``compare`` finds between the first of ``members`` that has an outcome and each
    other one, by the name of its folder.
    """
    judged = [c for c in members if c.outcome]
    return {c.folder.name: compare(judged[0].outcome, c.outcome) for c in judged[1:]}


def measures(members: list[Configuration]) -> Table:
    """Threshold, errors there, AUC, EER and TAR at each FAR of the ``members`` with an accuracy."""
    columns = ["configuration", "std of folds", "threshold", "cosine", "FAR there", "FRR there"]
    columns += ["AUC", "EER", *(f"TAR@{far_name(far)}" for far in FARS)]
    rows = []
    for c in members:
        if not c.accuracy:
            continue
        a, point = c.accuracy, c.accuracy["operating_point"]
        tars = {entry["far"]: entry for entry in a["tar_at_far"]}
        rows.append(
            [
                Cell(c.label, note=c.calibration),
                Cell(percent(a["accuracy_std"]), a["accuracy_std"]),
                number(point["threshold"], ".3f"),
                number(point["cosine"], ".3f"),
                rate(point["far"], point["far_interval"]),
                rate(point["frr"], point["frr_interval"]),
                number(a["auc"], ".5f"),
                Cell(percent(a["eer"]), a["eer"]),
                *(_tar(tars.get(far)) for far in FARS),
            ]
        )
    return Table("Errors at the threshold, and beyond", columns, rows)


def _tar(entry: dict[str, Any] | None) -> Cell:
    if entry is None or entry["tar"] is None:
        return Cell(NONE)
    return Cell(percent(entry["tar"]), entry["tar"], "few" if entry["few"] else "")


def thresholds(c: Configuration) -> Table:
    """The threshold for each FAR, and how many different pairs stand behind it."""
    rows = []
    for entry in c.accuracy["tar_at_far"]:
        far = Cell(far_name(entry["far"]), entry["far"])
        if entry["tar"] is None:
            rows.append([far, *[Cell(NONE)] * 3, Cell(NONE, note=entry["note"])])
            continue
        few = " (few)" if entry["few"] else ""
        behind = f"{entry['false_accepts']:,} of {entry['different']:,}{few}"
        rows.append(
            [
                far,
                number(entry["threshold"], ".3f"),
                number(entry["cosine"], ".3f"),
                Cell(percent(entry["tar"]), entry["tar"]),
                Cell(behind, entry["false_accepts"]),
            ]
        )
    columns = ["FAR", "distance", "cosine", "TAR", "false accepts"]
    caption = f"Squared distance below, or cosine above, for a FAR of at most that ({c.label})"
    return Table(caption, columns, rows)


def operating_point(c: Configuration) -> str:
    """Say what the mean threshold gives: FAR and FRR with the counts behind them."""
    point = c.accuracy["operating_point"]
    said = [
        f"Mean threshold of the folds: squared distance {point['threshold']:.3f}, that is cosine "
        f"{point['cosine']:.3f}."
    ]
    for name, count, of, error in (
        ("far", "false_accepts", "different", "false accepts"),
        ("frr", "false_rejects", "same", "false rejects"),
    ):
        cell = rate(point[name], point[f"{name}_interval"])
        if cell.value is not None:
            interval = f"; 95 %: {cell.note} %" if cell.note else ""
            counts = f"{point[count]:,} {error} of {point[of]:,} {of} pairs"
            said.append(f"{name.upper()} {cell.text} ({counts}{interval}).")
    return " ".join(said)
