"""All results -> report.html, one file that needs no network, report.md, and plots as PNG files."""

import argparse
import base64
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from common.errors import ChainError, exit_with
from common.files import replacing
from common.table import aligned
from evaluation.published import figures
from reporting import plots, tables
from reporting.collect import Configuration, collect, groups
from reporting.pairs import WrongPair, wrong_pairs
from reporting.speed import speed_plots

TEMPLATES = Path(__file__).with_name("reporting") / "templates"


@dataclass
class Group:
    """Configurations of the same network, weights and set, with what is drawn of them."""

    title: str
    anchor: str
    weights: str
    members: list[Configuration]
    plots: list[plots.Picture]
    measures: tables.Rows
    against_first: tables.Rows
    wrong: list[WrongPair]
    wrong_total: int
    note: str | None


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def build_group(members: list[Configuration], data: Path, number: int) -> Group:
    """Draw, compare and judge one group; PNG files go beside the JSON of each member."""
    pictures = []
    drawn = set()
    for c in members:
        if not c.outcome:
            continue
        own = {"roc": plots.roc_plot([c]), "histogram": plots.histogram(c)}
        own["folds"] = plots.folds_plot([c])
        for name, picture in own.items():
            if picture:
                write_bytes(c.folder / f"{name}.png", picture.light)
        # Batch sizes give the same distances; one histogram tells for all of them.
        if (c.engine, c["precision"]) not in drawn:
            drawn.add((c.engine, c["precision"]))
            pictures.append(own["histogram"])
    if curve := plots.roc_plot(members):
        pictures.insert(0, curve)
    pictures.append(plots.folds_plot(members))
    wrong, total, note = wrong_pairs(members, data)
    first = members[0]
    return Group(
        title=f"{first.network} on {first['dataset']}",
        anchor=f"group-{number}",
        weights=first["weights_sha256"][:16],
        members=members,
        plots=pictures,
        measures=tables.measures(members),
        against_first=tables.against_first(members),
        wrong=wrong,
        wrong_total=total,
        note=note,
    )


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
    environment.filters["png"] = lambda data: (
        "data:image/png;base64," + base64.b64encode(data).decode("ascii")
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

    configurations, notes = collect(args.results, args.data, args.model)
    if not configurations:
        raise ChainError(
            f"{args.results} holds no result{': ' + notes[0] if notes else ''}; run make accuracy "
            "or make perf first."
        )
    speed = speed_plots(configurations)
    for name, picture in zip(("throughput", "latency"), speed, strict=False):
        write_bytes(args.html.with_name(f"{name}.png"), picture.light)
    content = {
        "results": tables.results(configurations),
        "npu_variants": tables.npu_variants(configurations),
        "speed": speed,
        "groups": [
            build_group(members, args.data, number)
            for number, members in enumerate(groups(configurations), 1)
        ],
        "parity": tables.parity(configurations),
        "notes": notes + [f"{c.folder.name}: {note}" for c in configurations for note in c.notes],
        "sources": figures()["sources"],
    }
    # Markdown first: report.html is what make looks at.
    for template, path in (("report.md.j2", args.markdown), ("report.html.j2", args.html)):
        write_bytes(path, render(template, **content).encode())


if __name__ == "__main__":
    exit_with(main)
