"""One .bin an image and view: names, content, stale files, the check before use."""

import json
import os

import numpy as np
import pytest

from ascend import aipp as aipp_config
from ascend import input_files
from common.errors import ChainError
from dataset import preprocessing
from dataset.crops import open_crops
from dataset.preprocessing import Preprocessing
from support.ascend import make_crops
from support.project import expect_error, run_module
from support.sealing import seal
from support.steps import GUIDE

COUNT = 70  # more than one process's share
UNIQUE_INDEX = np.array([0, 1, 1, *range(3, COUNT)])

# What the guide's networks expect.
FORM = Preprocessing()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a decoded set, crops (70 crops, one repeated), and its inputs, npu."""
    folder = tmp_path_factory.mktemp("inputs")
    make_crops(folder / "crops", COUNT)
    np.save(folder / "unique.npy", UNIQUE_INDEX)
    seal(folder / "unique.npy")
    (folder / "npu").mkdir()
    (folder / "npu" / "9999.bin").write_bytes(b"stale")
    arguments = ("--crops", folder / "crops", "--unique-index", folder / "unique.npy")
    before = os.umask(0o002)
    result = run_module("write_npu_inputs", *arguments, *GUIDE, "--out", folder / "npu.json")
    os.umask(before)
    assert result.returncode == 0, result.stderr
    return folder


def test_names_and_content(made):
    crops = open_crops(made / "crops")
    names = {p.name for p in (made / "npu").iterdir()}
    assert names == {f"{i}{v}.bin" for i in range(COUNT) if i != 2 for v in ("", "_flip")}
    for index in (0, 1, 65, 69):
        plain = np.fromfile(made / "npu" / f"{index}.bin", np.float32).reshape(3, 112, 112)
        flipped = np.fromfile(made / "npu" / f"{index}_flip.bin", np.float32).reshape(3, 112, 112)
        np.testing.assert_array_equal(plain, FORM.normalise(crops[index]))
        np.testing.assert_array_equal(flipped, plain[:, :, ::-1])
    # Newer versions of ais_bench refuse what others may write.
    assert not any(p.stat().st_mode & 0o022 for p in [made / "npu", *(made / "npu").iterdir()])
    record = json.loads((made / "npu.json").read_text())
    assert record["files"] == 138 and record["bytes"] == 150_528 and record["unique"]
    input_files.check(made / "npu", crops, np.unique(UNIQUE_INDEX), FORM, False)


def test_a_network_of_another_form_gets_other_files(made):
    form = preprocessing.parse("rgb", "1,2,3", "4,5,6")
    arguments = (
        "--colour",
        "rgb",
        "--mean",
        "1,2,3",
        "--scale",
        "4,5,6",
        "--crops",
        made / "crops",
    )
    crops, which = open_crops(made / "crops"), np.arange(COUNT)
    for name, aipp in (("rgb", ()), ("rgb_aipp", ("--aipp",))):
        result = run_module("write_npu_inputs", *arguments, *aipp, "--out", made / f"{name}.json")
        assert result.returncode == 0, result.stderr
        assert json.loads((made / f"{name}.json").read_text())["preprocessing"] == form.record()
        input_files.check(made / name, crops, which, form, bool(aipp))
        with pytest.raises(ChainError, match=r"0\.bin does not show image 0"):
            input_files.check(made / name, crops, which, FORM, bool(aipp))
    values = np.fromfile(made / "rgb" / "5.bin", np.float32).reshape(3, 112, 112)
    red = crops[5][2].astype(np.float64)
    np.testing.assert_allclose(values[0], (red - 1) / 4, rtol=1e-5, atol=1e-5)
    pixels = np.fromfile(made / "rgb_aipp" / "5.bin", np.uint8).reshape(112, 112, 3)
    np.testing.assert_array_equal(pixels[:, :, 0], crops[5][2])
    config = aipp_config.config(form)
    assert "min_chn_2: 3.0" in config and "var_reci_chn_1: 0.200000000000" in config


def test_aipp_inputs_are_a_quarter(made):
    arguments = ("--crops", made / "crops", "--aipp", *GUIDE, "--out", made / "aipp.json")
    assert run_module("write_npu_inputs", *arguments).returncode == 0
    crops = open_crops(made / "crops")
    pixels = np.fromfile(made / "aipp" / "2.bin", np.uint8).reshape(112, 112, 3)
    np.testing.assert_array_equal(pixels, crops[2].transpose(1, 2, 0))
    flipped = np.fromfile(made / "aipp" / "2_flip.bin", np.uint8).reshape(112, 112, 3)
    np.testing.assert_array_equal(flipped, pixels[:, ::-1])
    input_files.check(made / "aipp", crops, np.arange(COUNT), FORM, True)
    with pytest.raises(ChainError, match="37632 bytes, not 150528"):
        input_files.check(made / "aipp", crops, np.arange(COUNT), FORM, False)


def swap(a, b):
    a.rename(a.with_name("x"))
    b.rename(a)
    a.with_name("x").rename(b)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda f: (f / "5.bin").unlink(), "lacks 5.bin"),
        (lambda f: (f / "70.bin").write_bytes(bytes(150_528)), "70.bin, which is not an input"),
        (lambda f: (f / "inputs.npy").write_bytes(b""), "inputs.npy"),
        (lambda f: os.truncate(f / "5.bin", 150_524), "150524 bytes"),
        # Sizes that cancel out in a batch, which ais_bench does not notice.
        (lambda f: [os.truncate(f / "5.bin", 150_524), os.truncate(f / "6.bin", 150_532)], "bytes"),
        (lambda f: [(f / "5.bin").unlink(), (f / "5.bin").symlink_to(f / "6.bin")], "plain file"),
        (lambda f: swap(f / "0.bin", f / "0_flip.bin"), "does not show image 0"),
    ],
)
def test_check_finds_every_fault(made, tmp_path, change, why):
    folder = tmp_path / "npu"
    folder.mkdir()
    for path in (made / "npu").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    change(folder)
    with pytest.raises(ChainError, match=why):
        input_files.check(folder, open_crops(made / "crops"), np.unique(UNIQUE_INDEX), FORM, False)


def test_a_full_disk_is_noticed_first(made, monkeypatch):
    import write_npu_inputs

    usage = type("Usage", (), {"free": 10**6})
    monkeypatch.setattr(write_npu_inputs.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ChainError, match=r"needs 0.02 GB .* 0.00 GB free; make room"):
        write_npu_inputs.write(made / "crops", np.arange(COUNT), FORM, False, made / "none")


def test_crops_must_be_there(tmp_path):
    arguments = ("--crops", tmp_path / "none", *GUIDE, "--out", tmp_path / "npu.json")
    expect_error(run_module("write_npu_inputs", *arguments), "make preprocess")
