"""Decoded crops on disk: both forms hold the same, and what is broken is told."""

import json

import numpy as np
import pytest

from common.errors import ChainError
from dataset import crop_store
from dataset.crops import batches, open_crops
from dataset.preprocessing import Preprocessing

PIXELS = np.random.default_rng(3).integers(0, 256, (9, 3, 112, 112), np.uint8)


@pytest.fixture(params=["bcolz", "plain"])
def written(request, monkeypatch, tmp_path):
    """A set of nine crops in either form, written in blocks of four."""
    if request.param == "plain":
        monkeypatch.setattr(crop_store, "bcolz", None)
    elif not crop_store.bcolz:
        pytest.skip("needs bcolz, which has no wheel for this Python")
    blocks = (PIXELS[at : at + 4] for at in range(0, 9, 4))
    crop_store.write(tmp_path / "crops", 9, blocks)
    crop_store.set_attributes(tmp_path / "crops", {"source_sha256": "f" * 64})
    return tmp_path / "crops"


def test_what_is_written_is_read(written):
    crops = open_crops(written)
    assert (len(crops), crops.shape, crops.dtype) == (9, (9, 3, 112, 112), np.uint8)
    assert crops.chunklen == crop_store.CHUNK
    assert crops.attrs["source_sha256"] == "f" * 64
    for key in (2, slice(3, 7), slice(None), slice(7, 99)):
        assert (crops[key] == PIXELS[key]).all()
    given = batches(crops, np.arange(9), 4, Preprocessing(), as_pixels=True)
    rows = np.concatenate([b.input for b in given])
    assert (rows[:18:2] == PIXELS).all() and (rows[1:18:2] == PIXELS[..., ::-1]).all()
    assert not rows[18:].any()


def test_a_plain_set_is_read_where_bcolz_is_too(monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(crop_store, "bcolz", None)
        crop_store.write(tmp_path / "crops", 9, [PIXELS])
    crop_store.set_attributes(tmp_path / "crops", {})
    assert (open_crops(tmp_path / "crops")[:] == PIXELS).all()


def test_a_set_of_bcolz_without_bcolz(monkeypatch, tmp_path):
    if not crop_store.bcolz:
        pytest.skip("needs bcolz, which has no wheel for this Python")
    crop_store.write(tmp_path / "crops", 9, [PIXELS])
    crop_store.set_attributes(tmp_path / "crops", {})
    monkeypatch.setattr(crop_store, "bcolz", None)
    with pytest.raises(ChainError, match=r"stored by bcolz.*remove it and run make again"):
        open_crops(tmp_path / "crops")


@pytest.mark.parametrize("fault", ["attributes", "json", "short", "layout", "all"])
def test_a_broken_set(monkeypatch, tmp_path, fault):
    monkeypatch.setattr(crop_store, "bcolz", None)
    path = tmp_path / "crops"
    crop_store.write(path, 9, [PIXELS])
    crop_store.set_attributes(path, {})
    if fault == "attributes":
        (path / "__attrs__").unlink()
    elif fault == "json":
        (path / "__attrs__").write_text(json.dumps({})[:1])
    elif fault == "short":
        (path / "crops.npy").write_bytes((path / "crops.npy").read_bytes()[:-1])
    elif fault == "layout":
        np.save(path / "crops.npy", PIXELS[..., :64])
    else:
        path = tmp_path / "none"
    with pytest.raises(ChainError, match="run make preprocess"):
        open_crops(path)
