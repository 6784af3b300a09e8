"""All results -> report.html, one file that needs no network, and report.md."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from common.errors import ChainError, exit_with
from common.table import aligned
from evaluation.published import figures
from reporting import accuracy, drawing, headline, plots, speed
from reporting.cells import Table
from reporting.collect import collect, groups
from reporting.configuration import Configuration
from reporting.details import Facts, details
from reporting.pairs import WrongPair, wrong_pairs
from reporting.parity import parity
from seals.products import product

TEMPLATES = Path(__file__).with_name("reporting") / "templates"
OPEN_PAIRS = 8


@dataclass
class Group:
    """Configurations of the same network, weights and set, with what is drawn of them; ``first``
    is the first that has an accuracy, ``judged`` are those whose pairs are at hand.
    """

    title: str
    demo: str
    anchor: str
    first: Configuration | None
    judged: list[Configuration]
    comparison: Table
    operating_point: str
    deploy: str
    thresholds: Table | None
    measures: Table
    plots: list[drawing.Plot]
    wrong: list[WrongPair]
    wrong_total: int
    note: str | None
    details: list[tuple[Configuration, Facts]]


def build_group(members: list[Configuration], data: Path, number: int) -> Group:
    """Compare, draw and judge one group."""
    found = accuracy.compare_with_first(members)
    wrong, total, note = wrong_pairs(members, data)
    first = next((c for c in members if c.accuracy), None)
    drawn = [plots.roc_plot(members), plots.histogram(members)]
    return Group(
        title=title(members),
        demo=members[0].demo,
        anchor=f"group-{number}",
        first=first,
        judged=[c for c in members if c.outcome],
        comparison=speed.comparison(members, found),
        operating_point=accuracy.operating_point(first) if first else "",
        deploy=first.accuracy["deploy"] if first else "",
        thresholds=accuracy.thresholds(first) if first else None,
        measures=accuracy.measures(members),
        plots=[plot for plot in drawn if plot],
        wrong=wrong,
        wrong_total=total,
        note=note,
        details=[(c, details(c, found.get(c.folder.name))) for c in members],
    )


def title(members: list[Configuration]) -> str:
    """Return network and set of a group."""
    return f"{members[0].network} on {members[0]['dataset']}"


def render(template: str, **content: object) -> str:
    """Fill ``template``; names from files are escaped in HTML, and an unknown name is an error."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=template.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["markdown"] = aligned
    return environment.get_template(template).render(**content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder of result folders")
    parser.add_argument("--data", type=Path, required=True, help="folder of the decoded sets")
    parser.add_argument("--model", type=Path, required=True, help="folder of the models")
    parser.add_argument("--html", type=Path, required=True, help="page to write")
    parser.add_argument("--markdown", type=Path, required=True, help="Markdown to write")
    args = parser.parse_args()

    configurations, notes = collect(args.results, args.data)
    if not configurations:
        raise ChainError(
            f"{args.results} holds no result{': ' + notes[0] if notes else ''}; run make accuracy "
            "or make perf first."
        )
    grouped = groups(configurations)
    shown = headline.chosen(grouped)
    content = {
        "headline": {"title": title(shown), "demo": shown[0].demo},
        "cards": headline.cards(shown),
        "doubt": headline.DOUBT,
        "groups": [build_group(members, args.data, k) for k, members in enumerate(grouped, 1)],
        "thresholds": accuracy.thresholds,
        "npu_variants": speed.npu_variants(configurations),
        "parity": parity(configurations, args.model),
        "notes": notes + [f"{c.folder.name}: {note}" for c in configurations for note in c.notes],
        "sources": figures()["sources"],
        "total": len(configurations),
        "open_pairs": OPEN_PAIRS,
        "drawing": drawing,
    }
    # Markdown first: report.html is what make looks at.
    for template, path in (("report.md.j2", args.markdown), ("report.html.j2", args.html)):
        with product(path) as temporary:
            temporary.write_bytes(render(template, **content).encode())


if __name__ == "__main__":
    exit_with(main)
