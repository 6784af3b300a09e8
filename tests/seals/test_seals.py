"""Products are sealed by the step that writes them; no step believes one that has changed."""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from common.errors import ChainError
from seals import ledger, products, seal
from seals.arrays import write_npy
from seals.walk import walk
from support.project import expect_error, run_module
from support.sealing import forget


@pytest.fixture
def chain(tmp_path, monkeypatch):
    """The working folder, with a source, and a, b and the folder c made of it by one command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAKE_COMMAND_LINE", "accuracy\n DATA=my set.bin\n ")
    monkeypatch.setattr(sys, "argv", ["python/step.py"])
    # A fifth of a second for each flipped bit, in case a step is just writing.
    monkeypatch.setattr(seal.time, "sleep", lambda _: None)
    forget()
    (tmp_path / "source.bin").write_bytes(b"source")
    ledger.brought("source.bin")
    write_npy(tmp_path / "a.npy", np.arange(9))
    forget()
    ledger.made("a.npy")
    products.write_json(tmp_path / "b.json", {"b": 1})
    with products.product(tmp_path / "c") as temporary:
        temporary.mkdir()
        for name in ("one", "two"):
            (temporary / name).write_text(name)
    forget()
    yield tmp_path
    forget()


def states(folder) -> dict[str, str]:
    return {finding.path.name: finding.state for finding in walk([folder])}


def test_a_seal_names_all_that_its_product_comes_from(chain):
    a, b, c = (seal.check(chain / name) for name in ("a.npy", "b.json", "c"))
    assert a.made_of == a.sources == b.sources == c.sources
    assert list(a.sources) == ["source.bin"]
    assert b.made_of == {"a.npy": a.sha256}
    assert c.made_of == {"a.npy": a.sha256, "b.json": b.sha256}
    assert (b.step, b.command) == ("step", ["accuracy", "DATA=my set.bin"])
    assert set(states(chain).values()) == {"sound"}


def test_every_flipped_bit_is_noticed_whatever_its_time(chain):
    for path in (chain / "a.npy", chain / "b.json", chain / "c/two"):
        kept, stat = path.read_bytes(), path.stat()
        for k in range(len(kept)):
            changed = bytearray(kept)
            changed[k] ^= 1 << k % 8
            path.write_bytes(changed)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            product = chain / path.relative_to(chain).parts[0]
            with pytest.raises(ChainError, match=f"{product.name} is not as step wrote it"):
                seal.check(product)
        path.write_bytes(kept)
        seal.check(product)


def test_a_damaged_or_missing_seal_is_believed_as_little(chain):
    path = seal.place(chain / "b.json")
    kept = path.read_bytes()
    for k in range(0, len(kept), 7):
        changed = bytearray(kept)
        changed[k] ^= 4
        path.write_bytes(changed)
        try:
            found = seal.check(chain / "b.json")
        except ChainError as error:
            assert "is damaged" in str(error)
        else:  # white space, between the words
            assert seal.encode(found).encode() == kept
    path.unlink()
    with pytest.raises(ChainError, match=r"b\.json has no seal"):
        products.read_json(chain / "b.json")
    assert states(chain)["b.json"] == "unknown"


def test_what_was_swapped_with_its_seal_is_noticed(chain):
    shutil.copy(chain / "b.json", chain / "d.json")
    shutil.copy(seal.place(chain / "b.json"), seal.place(chain / "d.json"))
    with pytest.raises(ChainError, match=r"d\.json has the seal of b\.json"):
        seal.check(chain / "d.json")


def test_the_remedy_removes_what_was_made_of_it_and_makes_it(chain):
    (chain / "a.npy").write_bytes(b"rotten")
    with pytest.raises(ChainError) as caught:
        ledger.made("a.npy")
    removed = "rm -rf a.npy b.json c && make accuracy 'DATA=my set.bin'."
    assert str(caught.value).endswith(f"to make it anew: {removed}")


def test_a_source_that_changed_under_its_time_is_noticed(chain):
    stat = (chain / "source.bin").stat()
    (chain / "source.bin").write_bytes(b"SOURCE")
    os.utime(chain / "source.bin", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert states(chain)["a.npy"] == "outdated"
    ledger.brought("source.bin")
    with pytest.raises(ChainError, match=r"different versions of source\.bin; run touch"):
        ledger.made("a.npy")


def test_nothing_is_made_of_a_source_that_changed_under_its_time(chain):
    stat = (chain / "source.bin").stat()
    (chain / "source.bin").write_bytes(b"SOURCE")
    for time, refused in ((stat.st_mtime_ns, True), (stat.st_mtime_ns + 10**9, False)):
        os.utime(chain / "source.bin", ns=(stat.st_atime_ns, time))
        (chain / "a.npy").unlink()
        ledger.brought("source.bin")
        if refused:
            with pytest.raises(ChainError, match=r"has changed since a\.npy was made of it"):
                write_npy(Path("a.npy"), np.arange(9))
            (chain / "a.npy").write_bytes(b"")
        else:
            write_npy(Path("a.npy"), np.arange(9))
            assert seal.check(chain / "a.npy").sources["source.bin"] == seal.digest(
                chain / "source.bin"
            )
        forget()


def test_a_product_of_make_that_was_replaced_says_what_to_do(chain):
    (chain / "b.json").write_text("{}")
    with pytest.raises(ChainError, match="replaced on purpose, remove its seal in"):
        ledger.brought("b.json")


def test_fsck_names_what_is_not_sound(chain):
    (chain / "mine.txt").write_text("mine")
    done = run_module("fsck", ".", cwd=chain)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "4 sound, 0 rotten, 0 outdated, 1 unknown",
    )
    (chain / "c/one").unlink()
    done = run_module("fsck", ".", cwd=chain)
    assert done.returncode == 1
    assert done.stdout.startswith("rotten   c is not as step wrote it; to make it anew: rm -rf c")


def test_a_result_of_another_folder_is_not_shown(chain):
    for name in ("x_bs1", "y_bs1"):
        (chain / name).mkdir()
        products.write_json(chain / name / "accuracy.json", {"dataset": name})
    for place in (chain / "x_bs1/accuracy.json", chain / "x_bs1/.seal/accuracy.json.json"):
        shutil.copy(place, str(place).replace("x_bs1", "y_bs1"))
    expect_error(
        run_module("show", "y_bs1/accuracy.json", cwd=chain), "has the seal of x_bs1/accuracy.json"
    )


def test_seals_hold_json_that_reads_the_same(chain):
    for path in (chain / ".seal").iterdir():
        assert json.loads(path.read_text())["seal"]
