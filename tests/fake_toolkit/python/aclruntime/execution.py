"""An ONNX model in ONNX Runtime: in this process, or in a helper that has the package.

Run as a script, this file is the helper. It takes the model, then one message an execution, on
its standard input, and ends with it. A message is a line of JSON and the bytes it announces.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np


class Local:
    """The model in this process."""

    def __init__(self, model: bytes):
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            model, settings, providers=["CPUExecutionProvider"]
        )
        self._name = self._session.get_inputs()[0].name

    def run(self, values: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the output and the milliseconds that it took."""
        start = time.perf_counter()
        output = self._session.run(None, {self._name: values})[0]
        return output, (time.perf_counter() - start) * 1000

    def close(self) -> None:
        self._session = None


class Helper:
    """The model in a process of ``FAKE_PYTHON``."""

    def __init__(self, model: bytes):
        # What PYTHONPATH names was made for this interpreter, not for that one.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._process = subprocess.Popen(
            [os.environ.get("FAKE_PYTHON") or "python3", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
        )
        self._ask({"bytes": len(model)}, model)

    def run(self, values: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the output and the milliseconds that it took there."""
        header = {"bytes": values.nbytes, "type": values.dtype.name, "shape": values.shape}
        answer, data = self._ask(header, values.tobytes())
        return np.frombuffer(data, answer["type"]).reshape(answer["shape"]).copy(), answer["ms"]

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        self._process.wait()

    def _ask(self, header: dict, data: bytes) -> tuple[dict, bytes]:
        try:
            _send(self._process.stdin, header, data)
            answer, data = _receive(self._process.stdout)
        except (OSError, ValueError):
            raise RuntimeError("[500000][the helper process has ended] ") from None
        if "error" in answer:
            raise RuntimeError(f"[500000][{answer['error']}] ")
        return answer, data


def start(model: bytes) -> Local | Helper:
    """Return ``model`` where ONNX Runtime is to be had."""
    try:
        return Local(model)
    except ImportError:
        return Helper(model)


def _send(pipe, header: dict, data: bytes = b"") -> None:
    pipe.write(json.dumps(header).encode() + b"\n")
    pipe.write(data)
    pipe.flush()


def _receive(pipe) -> tuple[dict, bytes]:
    header = json.loads(pipe.readline().decode())
    data = pipe.read(header.get("bytes", 0))
    if len(data) != header.get("bytes", 0):
        raise ValueError("cut off")
    return header, data


def main() -> None:
    asked = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the answers.
    os.dup2(2, 1)
    model = None
    while True:
        try:
            header, data = _receive(asked)
        except ValueError:
            return
        try:
            if model is None:
                model = Local(data)
                _send(answers, {})
                continue
            values = np.frombuffer(data, header["type"]).reshape(header["shape"])
            output, ms = model.run(values)
        except Exception as error:
            _send(answers, {"error": f"{type(error).__name__}: {error}"})
            continue
        header = {"bytes": output.nbytes, "type": output.dtype.name, "shape": output.shape}
        _send(answers, dict(header, ms=ms), output.tobytes())


if __name__ == "__main__":
    main()
