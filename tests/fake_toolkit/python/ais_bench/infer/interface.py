"""A session that runs arrays."""

from __future__ import annotations

import time

import aclruntime
import numpy as np


class InferSession:
    """The model ``model_path`` on ``device_id``; ``loop`` executions for each run."""

    def __init__(self, device_id: int, model_path: str, loop: int = 1):
        options = aclruntime.session_options()
        options.loop = loop
        self.device_id = device_id
        self.session = aclruntime.InferenceSession(model_path, device_id, options)
        self.session.set_staticbatch()
        self.outputs_names = [meta.name for meta in self.session.get_outputs()]
        self.h2d_ms: list[float] = []
        self.d2h_ms: list[float] = []

    def get_inputs(self) -> list:
        return self.session.get_inputs()

    def set_loop_count(self, loop: int) -> None:
        self.session.options().loop = loop

    def infer(self, feeds: list[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs for one batch."""
        start = time.time()
        arrays = [np.ascontiguousarray(feed) for feed in feeds]
        tensors = [aclruntime.BaseTensor(a.ctypes.data, a.nbytes) for a in arrays]
        self.h2d_ms.append((time.time() - start) * 1000)
        outputs = self.session.run(self.outputs_names, tensors)
        start = time.time()
        for output in outputs:
            output.to_host()
        self.d2h_ms.append((time.time() - start) * 1000)
        return [np.array(output) for output in outputs]

    def reset(self) -> None:
        self.session.reset_sumaryinfo()
        self.h2d_ms.clear()
        self.d2h_ms.clear()

    def exec_times(self) -> list:
        """Return the duration of each execution, or its start and end: as the runtime has them."""
        return list(self.session.sumary().exec_time_list)

    def finalize(self) -> None:
        self.session.finalize()
