"""What make identify and make all-pairs found, in 80 columns; standard library only."""

from typing import Any

from reporting.card import WIDTH, field


def _heading(*collections: dict[str, Any]) -> str:
    one = collections[0]
    net, name = one["net"], one["checkpoint"].removeprefix("model_")
    ways = dict.fromkeys(f"{of['engine']} {of['precision']}" for of in collections)
    return " · ".join([net if name == net else name, *ways])[:WIDTH]


def _interval(ends: list[float] | None) -> str:
    return f"95%: {100 * ends[0]:.2f}-{100 * ends[1]:.2f}; " if ends else ""


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 600 else f"{value / 60:.0f} min"


def _at(far: float) -> str:
    return f"{far:.0e}".replace("e-0", "e-")


def _threshold(point: dict[str, Any]) -> str:
    return f"below {point['threshold']:.3f}, cosine above {point['cosine']:.3f}"


def identify_lines(result: dict[str, Any]) -> list[str]:
    """Return the lines of an identify.json: what was searched where, rates, index, notes."""
    gallery, probes, found = result["gallery"], result["probes"], result["identification"]
    lines = [_heading(gallery, probes)]
    lines += field("gallery", f"{gallery['rows']:,} faces, {gallery['address']}")
    lines += field("probes", f"{probes['rows']:,} faces, {probes['address']}")
    if result["asymmetric_precision"]:
        lines += field("precision", f"asymmetric: {result['asymmetric_precision']}")
    if result["same_picture"]:
        text = f"{result['same_picture']:,} probes are pictures of the gallery: not their own match"
        lines += field("left out", text)
    for rank in (1, 5):
        if point := found.get(f"rank_{rank}"):
            text = f"{point['rate']:.2%}  ({_interval(point['interval'])}"
            lines += field(f"rank-{rank}", f"{text}{point['hits']:,} of {found['mated']:,} probes)")
    if point := found.get("dir_at_far"):
        text = f"{point['rate']:.2%} at FAR {_at(point['far'])}  ({_interval(point['interval'])}"
        lines += field("DIR", f"{text}{point['hits']:,} of {found['mated']:,} probes)")
        few = ": few" if point["few"] else ""
        text = f"{point['false_alarms']:,} of {found['unknown']:,} unknown probes{few}"
        lines += field("", f"{_threshold(point)}; {text}")
    if index := result["index"]:
        lines += field(
            "recall",
            f"{index['recall']['at_1']:.2%} of the nearest, {index['recall']['at_k']:.2%} of the "
            f"nearest {result['top']}, by {index['name']} against the exact answer for "
            f"{index['recall_probes']:,} probes",
        )
        lines += field(
            "time",
            f"{_seconds(index['build_seconds'])} to build, {_seconds(index['search_seconds'])} to "
            f"search; {_seconds(index['exact_seconds'])} exactly for those probes",
        )
    else:
        lines += field("time", f"{_seconds(result['seconds'])}, exact")
    return [*lines, *(line for note in found["notes"] for line in field("note", note))]


def all_pairs_lines(result: dict[str, Any]) -> list[str]:
    """Return the lines of an all_pairs.json: the pairs, a line for each FAR, EER."""
    of, counts = result["embeddings"], result["counts"]
    lines = [_heading(of)]
    alone = counts["persons_with_one_picture"]
    text = f"{counts['pictures']:,} of {counts['persons']:,} persons, {alone:,} of whom have one"
    lines += field("pictures", f"{text}; {of['address']}")
    if counts["unlabelled"]:
        lines += field("left out", f"pictures without a label: {counts['unlabelled']:,}")
    lines += field("pairs", f"{counts['genuine']:,} genuine, {counts['impostor']:,} impostor")
    name = "TAR at FAR"
    for point in result["tar_at_far"]:
        if point["tar"] is None:
            text = f"{_at(point['far'])}: {point['note']}"
        else:
            ends = _interval(point["tar_interval"]).removesuffix("; ")
            text = f"{_at(point['far'])}: {point['tar']:.2%}" + f"  ({ends})" * bool(ends)
            text += f"  {_threshold(point)}"
            text += f"; {point['false_accepts']:,} false accepts: few" * point["few"]
        lines += field(name, text)
        name = ""
    lines += field("EER", f"{result['eer']:.2%}")
    persons = next((p for p in result["tar_at_far"] if p["tar"] is not None), None)
    few = ": few" if persons and persons["few_persons"] else ""
    if persons:
        text = f"by person, {persons['persons']:,} of them with genuine pairs{few}"
        lines += field("intervals", f"{text}; thresholds held")
    return [*lines, *field("time", _seconds(result["seconds"]))]
