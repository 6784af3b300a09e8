"""Checkpoints in every form load; what they hold besides tensors is never executed."""

import contextlib
import os
import pickle
import random
import subprocess
import sys
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path

import pytest
import torch

from checkpoint import state_dict, writing
from common.errors import ChainError
from convert_weights import convert
from support.project import PYTHON, Project, expect_error, run_module

STATE = {
    "a.weight": torch.arange(12.0).reshape(3, 4).t(),
    "a.running_mean": torch.ones(3),
    "a.num_batches_tracked": torch.tensor(7),
}


FILES = 200  # mutated, for each reader


class Config(dict):
    """As training scripts keep theirs: a dict whose entries are attributes too."""

    def __init__(self, **entries: object):
        super().__init__(entries)
        self.__dict__.update(entries)


class Execute:
    def __reduce__(self) -> tuple:
        return os.system, ("touch executed",)


def parallel(state: dict) -> dict:
    return {f"module.{k}": v for k, v in state.items()}


FORMS = {
    "plain": STATE,
    "ordered": OrderedDict(STATE),
    "model": {"model": STATE, "head": {"kernel": torch.ones(2)}, "epoch": 3},
    "state_dict": {"state_dict": STATE, "optimizer": {"state": {0: {"step": 1.5}}}},
    "parallel": parallel(STATE),
    "parallel in state_dict": {"state_dict": parallel(STATE), "best": 0.99},
    "arcface_torch": {"epoch": 3, "state_dict_backbone": STATE, "state_dict_softmax_fc": {}},
    "nested twice": {"model": {"state_dict": STATE}},
    "parameters": {k: torch.nn.Parameter(v, False) for k, v in STATE.items()},
}
EXTRA = {
    "config": Config(path=Path("work_space"), loss=torch.nn.CrossEntropyLoss(), batch=200),
    "history": defaultdict(list, a=[1, 2]),
    "kinds": {1, 2},
}


def save(value: object, path: Path, zipped: bool) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return path


def assert_same(state: dict, dtype: torch.dtype = torch.float32) -> None:
    assert list(state) == list(STATE)
    for name, tensor in STATE.items():
        assert torch.equal(state[name], tensor), name
        if tensor.is_floating_point():
            assert state[name].dtype == dtype


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_loads_and_converts(form: str, zipped: bool, tmp_path: Path) -> None:
    path = save(FORMS[form], tmp_path / "weights.pth", zipped)
    assert_same(state_dict.read(path))
    assert_same(convert(path))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_every_precision(dtype: torch.dtype, zipped: bool, tmp_path: Path) -> None:
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in STATE.items()}
    path = save(state, tmp_path / "weights.pth", zipped)
    assert_same(state_dict.read(path))
    assert_same(convert(path), dtype)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_extra_objects_are_left_out_not_made(zipped: bool, tmp_path: Path) -> None:
    path = save({"model": STATE, **EXTRA}, tmp_path / "weights.pth", zipped)
    with pytest.raises(ChainError, match="make convert-weights WEIGHTS="):
        state_dict.read(path)
    assert_same(convert(path))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_nothing_is_executed(zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = save({"model": STATE, "x": Execute()}, tmp_path / "weights.pth", zipped)
    with pytest.raises(ChainError, match="more than tensors"):
        state_dict.read(path)
    assert_same(convert(path))
    # Where the weights themselves should be, it is refused.
    path = save({"model": {**STATE, "x": Execute()}}, tmp_path / "weights.pth", zipped)
    with pytest.raises(ChainError, match="holds no state dict"):
        convert(path)
    assert not Path("executed").exists()


def test_converting_imports_nothing_that_the_file_names(tmp_path: Path) -> None:
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')\nclass Trap: pass\n")
    make = (
        "import sys, torch, types; m = types.ModuleType('trap');"
        "exec('class Trap: pass', m.__dict__); sys.modules['trap'] = m;"
        "torch.save({'model': {'w': torch.ones(2)}, 'c': m.Trap()}, 'weights.pth')"
    )
    subprocess.run([sys.executable, "-c", make], cwd=tmp_path, check=True)
    result = run_module(
        "convert_weights", "--weights", "weights.pth", "--out", "out.pth", cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    assert PYTHON.exists()
    assert torch.equal(torch.load(tmp_path / "out.pth", weights_only=True)["w"], torch.ones(2))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    for zipped in (True, False):
        whole = save(STATE, tmp_path / "whole.pth", zipped).read_bytes()
        for size in (0, 10, 100, len(whole) // 2, len(whole) - 5):
            path = tmp_path / "cut.pth"
            path.write_bytes(whole[:size])
            for read in (convert, state_dict.read):
                with pytest.raises(ChainError):
                    read(path)


def test_a_tensor_larger_than_its_storage_is_refused(tmp_path: Path) -> None:
    path = save({"w": torch.ones(1).expand(50_000, 50_000)}, tmp_path / "w.pth", True)
    for read in (convert, state_dict.read):
        with pytest.raises(ChainError, match="larger than its storage"):
            read(path)
    path = save({"w": torch.ones(2, 2).to_sparse()}, tmp_path / "sparse.pth", True)
    for read in (convert, state_dict.read):
        with pytest.raises(ChainError):
            read(path)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_mutated_files_are_read_or_refused(zipped: bool, tmp_path: Path) -> None:
    path = save({"model": STATE, **EXTRA}, tmp_path / "weights.pth", zipped)
    plain = save({"model": STATE}, tmp_path / "plain.pth", zipped)
    draw = random.Random(112)
    for source, read in ((path, convert), (plain, convert), (plain, state_dict.read)):
        whole = source.read_bytes()
        # Most of the file is the zip's padding; what matters is at its beginning.
        head = min(len(whole), 1200)
        for _ in range(FILES):
            data = bytearray(whole)
            for _ in range(draw.randint(1, 4)):
                data[draw.randrange(head)] = draw.choice((draw.randrange(256), *b"]})(.R0bQ\x85"))
            path = tmp_path / "mutated.pth"
            path.write_bytes(data)
            with contextlib.suppress(ChainError):
                assert all(isinstance(t, torch.Tensor) for t in read(path).values())


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    path, packed = save(STATE, tmp_path / "w.pth", True), tmp_path / "packed.pth"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    for read in (convert, state_dict.read):
        with pytest.raises(ChainError, match="compressed"):
            read(packed)


def test_a_pickle_that_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(pickle.dumps({"w": [1.0]}))
    expect_error(
        run_module("convert_weights", "--weights", path, "--out", tmp_path / "o.pth"), str(path)
    )
    assert not (tmp_path / "o.pth").exists()


def test_make_convert_weights(project: Project) -> None:
    torch.save({"model": STATE, **EXTRA}, project.root / "old.pth")
    project.make("convert-weights", "WEIGHTS=old.pth")
    assert_same(state_dict.read(project.root / "model/old_tensors.pth"))
    failed = project.make("convert-weights", "WEIGHTS=none.pth", ok=False)
    assert "none.pth is missing" in failed.stderr


def test_the_same_tensors_are_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for name in ("a.pth", "b.pth"):
        writing.write(STATE, tmp_path / name)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    assert torch.equal(state_dict.read(tmp_path / "a.pth")["a.weight"], STATE["a.weight"])


def test_a_disk_that_is_full_is_told(tmp_path: Path) -> None:
    """As a limit of a file's size, which torch itself would tell as a broken archive."""
    torch.save({"w": torch.zeros(90_000)}, tmp_path / "large.pth")
    words = ["convert_weights.py", "--weights", tmp_path / "large.pth", "--out", tmp_path / "o.pth"]
    limited = ["bash", "-c", 'ulimit -f 100; exec "$0" "$@"', sys.executable]
    result = subprocess.run(
        [*limited, PYTHON / words[0], *words[1:]], capture_output=True, text=True, check=False
    )
    expect_error(result, "o.pth: File too large; check the path")
    assert [path.name for path in tmp_path.iterdir()] == ["large.pth"]
