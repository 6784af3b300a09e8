"""What other programs say becomes a clause of a sentence: plain, short, and never bad advice."""

import numpy as np
import openvino
import pytest
import torch

from common.errors import plain, reason


class Thing:
    """Something that no checkpoint should hold."""


@pytest.mark.parametrize(
    ("said", "line", "clause"),
    [
        (ValueError("It is too short.\nSee the manual."), 0, "It is too short"),
        (ValueError("at x.cpp:3:\n\tIt is   too short.\n\n"), -1, "It is too short"),
        ("\x1b[1;31merror:\x1b[0m no\r such file\n", 0, "error: no such file"),
        (ValueError(""), 0, "ValueError"),
        (" \n", 0, "no message"),
        (ValueError("x" * 500), 0, "x" * 200 + "..."),
        (
            ValueError("It is pickled. If you trust the file use allow_pickle=True."),
            0,
            "It is pickled",
        ),
        (RuntimeError("Re-run with `weights_only` set to False."), 0, "RuntimeError"),
    ],
)
def test_clauses(said: Exception | str, line: int, clause: str):
    assert reason(said, line) == clause


def test_plain_text_keeps_its_lines():
    assert plain("\x1b[32mone\x1b[0m\n\ttwo\x07\n") == "one\n\ttwo\n"


def test_what_pytorch_advises_is_not_relayed(tmp_path):
    torch.save({"a": Thing()}, tmp_path / "a.pth")
    with pytest.raises(Exception, match=r"\x1b\[1m.*\n.*`weights_only`") as error:
        torch.load(tmp_path / "a.pth", weights_only=True)
    assert reason(error.value) == "Weights only load failed"


def test_what_numpy_advises_is_not_relayed(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"\x80\x02}.")
    with pytest.raises(ValueError, match="If you trust the file") as error:
        np.load(tmp_path / "a.npy", allow_pickle=False)
    assert reason(error.value) == "This file contains pickled (object) data"


def test_openvinos_last_line_says_what_it_is(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"none")
    with pytest.raises(RuntimeError) as error:
        openvino.Core().read_model(str(tmp_path / "a.onnx"))
    assert reason(error.value).startswith("Exception from ")
    assert reason(error.value, line=-1).startswith("Unable to read the model")
