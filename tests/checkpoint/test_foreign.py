"""Files of other kinds given as a checkpoint are named for what they are, with what to do."""

import random
import shutil
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from checkpoint import foreign
from common.errors import ChainError
from support.project import expect_error, run_module
from support.steps import export

ONNX = "is an ONNX file, not a checkpoint; give it as ONNX={} with COLOUR=, MEAN= and SCALE=."


def safetensors(path: Path) -> None:
    save_file({"w": torch.ones(2)}, path)


def mxnet(path: Path) -> None:
    # One array: the list's magic, the number of arrays, an array's magic, storage type and shape.
    path.write_bytes(struct.pack("<QQQIiIq", 0x112, 0, 1, 0xF993FAC9, 0, 1, 2) + bytes(32))


def torchscript(path: Path) -> None:
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (torchscript, "is a TorchScript archive, not a checkpoint; save the state_dict()"),
        (safetensors, "is a safetensors file, not a PyTorch checkpoint; save its tensors by name"),
        (mxnet, "is an MXNet parameter file, not a PyTorch checkpoint; give the PyTorch or ONNX"),
    ],
)
def test_each_kind_is_named_and_nothing_is_made(tmp_path: Path, make, says: str):
    path = tmp_path / "file.pth"
    make(path)
    for result in (
        export(path, tmp_path),
        run_module("convert_weights", "--weights", path, "--out", tmp_path / "out.pth"),
    ):
        expect_error(result, f"{path} {says}")
        assert result.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file.pth"]


def test_onnx_under_any_name(ready: Path, tmp_path: Path):
    for name in ("file.pth", "file.onnx"):
        shutil.copy(ready / "model_m_bs1_sim.onnx", tmp_path / name)
        result = export(tmp_path / name, tmp_path)
        expect_error(result, ONNX.format(tmp_path / name))
        assert result.stderr.count("\n") == 1
    # One that is cut short goes by its name.
    whole = (tmp_path / "file.onnx").read_bytes()
    (tmp_path / "file.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ChainError, match="is an ONNX file"):
        foreign.refuse(tmp_path / "file.onnx")


def test_an_onnx_file_as_people_find_it(shared: Path, tmp_path: Path):
    shutil.copy(shared / "mobilefacenet_128_rgb.onnx", tmp_path / "file.bin")
    with pytest.raises(ChainError, match="is an ONNX file"):
        foreign.refuse(tmp_path / "file.bin")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_is_none_of_these(tmp_path: Path, zipped: bool):
    path = tmp_path / "file.onnx"
    torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=zipped)
    foreign.refuse(path)


def test_damaged_files_are_left_to_who_reads_them(ready: Path, tmp_path: Path):
    path, chance = tmp_path / "file.pth", random.Random(4)
    whole = (ready / "model_m_bs1_sim.onnx").read_bytes()
    torch.save({"w": torch.ones(2)}, path)
    archive = path.read_bytes()
    for content in (b"", b"\x08", b"\x3a\xff", b"\xff" * 64, whole[:-1], whole + b"\x3a"):
        path.write_bytes(content)
        foreign.refuse(path)
    for _ in range(200):
        content = bytearray(chance.choice([whole[:3000], archive]))
        for _ in range(chance.randrange(1, 9)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(content[: chance.randrange(len(content) + 1)])
        try:
            foreign.refuse(path)
        except ChainError as error:
            assert str(error).startswith(str(path))
