"""The last lines of make embed: what was embedded, how fast, and where it lies, in 80 columns."""

from pathlib import Path
from typing import Any

from common.shapes import VIEWS
from reporting.card import field, heading

_LIMITS = {"inference": "the network is the limit", "reading": "reading and decoding are the limit"}


def card(manifest: dict[str, Any], out: str) -> list[str]:
    """Return the lines of the complete ``manifest`` of the collection in ``out``."""
    configuration, source = manifest["configuration"], Path(manifest["source"]).name
    lines = heading(configuration | {"dataset": source})
    unreadable = manifest["unreadable"]
    rest = f"; {unreadable:,} unreadable, see unreadable.parquet" if unreadable else ""
    shards = manifest["shards"]
    lines += field("embeddings", f"{manifest['rows']:,} of {manifest['inputs']:,} inputs{rest}")
    lines += field(
        "",
        f"{shards:,} shard{'s' if shards > 1 else ''}, {configuration['dimension']} numbers in "
        f"{manifest['dtype']} each",
    )
    if rate := manifest.get("rate"):
        digits = 0 if rate >= 100 else 2
        text = f"{rate:,.{digits}f} inputs/s, {VIEWS * rate:,.{digits}f} img/s in the network; "
        lines += field("rate", text + _LIMITS[manifest["limit"]])
    following = f"make identify GALLERY={out} PROBES=..., make all-pairs EMBEDDINGS={out}"
    return [*lines, *field("files", f"{out}/"), *field("next", following)]
