"""An embedding that was cut off goes on where it stood, and no bit of it tells."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from common.folder import Folder
from dataset.crops import open_crops
from inference import configuration, embedding, pieces
from inference.pieces import Pieces
from support.cut import Cut

ROWS = np.arange(12, dtype=np.float32).reshape(6, 2)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "SECONDS", 0.0)


def kept(folder: Path, identity: str = "a", dimension: int = 2) -> Pieces:
    return Pieces(Folder(folder), "p", identity, dimension)


def test_pieces_come_back_in_order(tmp_path: Path) -> None:
    writer = kept(tmp_path)
    assert writer.read()[0].shape == (0, 2) and writer.due()
    writer.keep(ROWS[:1], {})
    writer.keep(ROWS[1:3], {"2": "no picture"})
    reader = kept(tmp_path)
    sums, notes = reader.read()
    assert (sums == ROWS[:3]).all() and notes == {"2": "no picture"} and reader.rows == 3
    reader.keep(ROWS[3:], {})
    assert (kept(tmp_path).read()[0] == ROWS).all()
    reader.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_is_rotten_or_of_another_does_not_count(tmp_path: Path) -> None:
    writer = kept(tmp_path)
    for k in range(3):
        writer.keep(ROWS[2 * k : 2 * k + 2], {})
    assert [len(kept(tmp_path, *of).read()[0]) for of in (("a", 2), ("b", 2), ("a", 1))] == [
        6,
        0,
        0,
    ]
    first, second, third = sorted(tmp_path.iterdir())
    whole = second.read_bytes()
    for at in range(len(whole)):
        second.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert len(kept(tmp_path).read()[0]) == 2
    for rest in (b"", whole[:-4], whole + b"\0\0\0\0", first.read_bytes(), third.read_bytes()):
        second.write_bytes(rest)
        assert len(kept(tmp_path).read()[0]) == 2
    second.unlink()
    assert len(kept(tmp_path).read()[0]) == 2


@pytest.mark.parametrize("batch_size", [1, 7, 16])
def test_embeddings_are_those_of_a_run_that_nobody_cut(
    batch_size: int, ready: Path, tmp_path: Path
) -> None:
    model = ready / f"model_m_bs{batch_size}_sim.onnx"
    parser = argparse.ArgumentParser()
    configuration.add_engine_arguments(parser)
    given = ["--model", model, "--engine", "openvino", "--precision", "fp32"]
    args = parser.parse_args([*map(str, given), "--batch-size", str(batch_size)])
    crops, form = open_crops(ready / "crops"), configuration.preprocessing_of(model)
    index = embedding.read_unique_index(ready / "unique.npy", len(crops))

    def run(count: int, pieces: Pieces | None) -> embedding.Embedded:
        engine = Cut(configuration.load_engine(args, throughput=True), count)
        return embedding.embed(engine, crops, index, batch_size, form, pieces)

    expected = run(99, None).embeddings
    found, before = None, 0
    for count in (1, 2, 3, 99):
        try:
            found = run(count, kept(tmp_path, dimension=512))
            break
        except KeyboardInterrupt:
            now = len(kept(tmp_path, dimension=512).read()[0])
            # An image of two batches of one, or of which a batch has one view, is not whole yet.
            assert now > before or batch_size < 16
            before = now
    assert found.kept == 2 * before > 0
    assert found.embeddings.tobytes() == expected.tobytes()
