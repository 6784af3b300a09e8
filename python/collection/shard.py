"""The rows of a shard -> its file of embeddings and, once that is there, its done record."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from collection import layout
from collection.storage import Storage
from common.machine import cpu_name


class Rows(NamedTuple):
    """What is known of each of n inputs: ``rows``, int (n,), their places in the shard's listing,
    ``values``, float (n, D), their embeddings, ``norms``, float32 (n,), the lengths that those had.
    """

    keys: list[str]
    labels: list[str | None]
    rows: np.ndarray
    values: np.ndarray
    norms: np.ndarray


def write(
    storage: Storage, shard: int, identity: str, rows: Rows, unreadable: list[dict[str, Any]]
) -> None:
    """Write ``rows`` as the embeddings of ``shard``, and the record that says they are done.

    ``identity`` is the manifest's; ``unreadable`` has row, key and reason of the inputs that have
    no embedding. Raises ``ChainError`` where they cannot be written.
    """
    count, dimension = rows.values.shape
    schema = layout.embeddings_schema(dimension, str(rows.values.dtype))
    columns = [
        pa.array(rows.keys, pa.string()),
        pa.array(rows.labels, pa.string()),
        pa.FixedSizeListArray.from_arrays(pa.array(rows.values.ravel()), dimension),
        pa.array(rows.norms.ravel(), pa.float32()),
        pa.array(np.full(count, shard, np.int32)),
        pa.array(rows.rows.astype(np.int32)),
    ]
    content = layout.to_parquet(pa.table(columns, schema=schema))
    storage.write(layout.embeddings_name(shard), content)
    record = {
        "shard": shard,
        "identity": identity,
        "rows": count,
        "bytes": len(content),
        "sha256": layout.digest(content),
        "unreadable": unreadable,
        "cpu": cpu_name(),
    }
    layout.write_json(storage, layout.done_name(shard), record)
