"""INDEX=hnsw: a graph of neighbours (Malkov and Yashunin 2018), by faiss; it holds every vector."""

import os

import faiss
import numpy as np

from common.errors import ChainError

# Links a vector, and how many candidates are kept while it is put in, and while one is looked for:
# the ranges of the paper (section 4.1) for vectors of many dimensions.
LINKS, PUT_IN, LOOKED_FOR = 32, 200, 200
SAMPLE = 0


class Index:
    """See ``indexes``."""

    def __init__(self, dimension: int, rows: int, sample: np.ndarray) -> None:
        # Its links are two for each at the lowest level, 4 bytes each.
        needed = rows * 4 * (dimension + 2 * LINKS)
        if needed > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
            raise ChainError(
                f"INDEX=hnsw holds the whole gallery, {needed / 2**30:,.0f} GiB, which is more "
                "than this machine's memory; choose INDEX=ivfpq."
            )
        self._index = faiss.IndexHNSWFlat(dimension, LINKS, faiss.METRIC_INNER_PRODUCT)
        self._index.hnsw.efConstruction = PUT_IN
        self.parameters = {"links": LINKS, "put_in": PUT_IN, "looked_for": LOOKED_FOR}

    def add(self, vectors: np.ndarray) -> None:
        # With several threads the graph depends on which is first.
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        self._index.add(vectors)
        faiss.omp_set_num_threads(threads)

    def search(self, probes: np.ndarray, count: int) -> np.ndarray:
        self._index.hnsw.efSearch = max(LOOKED_FOR, count)
        return self._index.search(probes, count)[1]
