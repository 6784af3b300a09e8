"""INDEX=ivfpq: vectors in lists, a byte for 8 numbers (Jégou, Douze and Schmid 2011), by faiss."""

import faiss
import numpy as np

from common.errors import ChainError

# Numbers of a vector that are one byte, one of 256 codes.
NUMBERS_A_BYTE, BITS = 8, 8
# For k-means: the least training vectors a centroid, below which faiss warns.
A_CENTROID = 39
LEAST = A_CENTROID * 2**BITS
SAMPLE = 2**18
# Lists that are looked at: one in so many.
ONE_LIST_IN = 16
# Codes are coarse: so many candidates for each neighbour are held against the vectors themselves.
REFINED = 20
SEED = 112


class Index:
    """See ``indexes``."""

    def __init__(self, dimension: int, rows: int, sample: np.ndarray) -> None:
        if rows < LEAST:
            raise ChainError(
                f"a gallery of {rows:,} is too small to train INDEX=ivfpq, which takes {LEAST:,}; "
                "leave INDEX= out, or choose hnsw."
            )
        if dimension % NUMBERS_A_BYTE:
            raise ChainError(
                f"INDEX=ivfpq takes embeddings of a multiple of {NUMBERS_A_BYTE} numbers, and "
                f"these have {dimension}; choose INDEX=hnsw."
            )
        # faiss's guide to indexes: 4 to 16 times the root of the number of vectors.
        lists = min(int(4 * rows**0.5), len(sample) // A_CENTROID)
        codes = dimension // NUMBERS_A_BYTE
        self._quantizer = faiss.IndexFlatIP(dimension)
        self._index = faiss.IndexIVFPQ(
            self._quantizer, dimension, lists, codes, BITS, faiss.METRIC_INNER_PRODUCT
        )
        self._index.cp.seed = self._index.pq.cp.seed = SEED
        self._index.nprobe = max(1, lists // ONE_LIST_IN)
        self._index.train(sample)
        self.parameters = {
            "lists": lists,
            "lists_looked_at": self._index.nprobe,
            "bytes": codes,
            "trained_on": len(sample),
            "refined": REFINED,
        }

    def add(self, vectors: np.ndarray) -> None:
        self._index.add(vectors)

    def search(self, probes: np.ndarray, count: int) -> np.ndarray:
        return self._index.search(probes, count * REFINED)[1]
