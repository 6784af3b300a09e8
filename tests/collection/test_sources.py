"""Every kind of source: its inputs in order, their bytes, and what is refused."""

import io
import os
import tarfile

import pyarrow as pa
import pytest

from collection.kinds import open_source
from collection.sources import UnreadableError
from common.errors import ChainError
from dataset import verification_bin
from support import embedded


@pytest.fixture(scope="module")
def images(tiny):
    return embedded.pictures(tiny, 10)


def read(path):
    """Return key and label of each input of ``path``, and their contents."""
    listed = list(open_source(path).inputs())
    again = open_source(path)
    assert list(again.inputs()) == listed
    return [(one.key, one.label) for one in listed], [again.content(one) for one in listed]


def refused(path):
    with pytest.raises(ChainError) as caught:
        list(open_source(path).inputs())
    return str(caught.value)


def test_a_folder_tree(images, tmp_path):
    embedded.tree(tmp_path, images[:6])
    (tmp_path / "a.png").write_bytes(images[6])
    (tmp_path / "notes.txt").write_text("no picture")
    keys, contents = read(tmp_path)
    assert keys[0] == ("a.png", None)
    assert keys[1:] == [
        (f"person_{k // 4:02d}/{k:04d}.jpg", f"person_{k // 4:02d}") for k in range(6)
    ]
    assert contents == [images[6], *images[:6]]


def test_a_verification_set(tiny):
    keys, contents = read(tiny / "faces.bin")
    assert keys == [(str(k), None) for k in range(40)]
    assert contents == [bytes(image) for image in verification_bin.read(tiny / "faces.bin").images]


def test_tar_files(images, tmp_path):
    members = {
        "ann/1.jpg": images[0],
        "ann/1.json": b"{}",
        "bob/2.cls": b"7\n",
        "bob/2.jpg": images[1],
    }
    embedded.tar(tmp_path / "all/0.tar", members | {"3.jpg": images[2], "3.cls": b"zoe"})
    embedded.tar(tmp_path / "all/1.tar", {"4.JPG": images[3], "ann/5.jpg": b""})
    keys, contents = (list(open_source(tmp_path / "all").inputs()) for _ in range(2))
    assert [(one.key, one.label) for one in keys] == [
        ("ann/1", "ann"), ("bob/2", "7"), ("3", "zoe"), ("4", None), ("ann/5", "ann")
    ]  # fmt: skip
    source = open_source(tmp_path / "all")
    assert [source.content(one) for one in reversed(contents[:4])] == images[3::-1]
    with pytest.raises(UnreadableError, match="ann/5 is empty"):
        source.content(contents[4])
    assert [key for key, _ in read(tmp_path / "all/0.tar")[0]] == ["ann/1", "bob/2", "3"]


def test_a_tar_file_with_a_link_and_a_name_of_bytes(images, tmp_path):
    embedded.tar(tmp_path / "a.tar", {"a/b.jpg": images[0]})
    with tarfile.open(tmp_path / "a.tar", "a", errors="surrogateescape") as file:
        link = tarfile.TarInfo("a/link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
        odd = tarfile.TarInfo(os.fsdecode(b"\xff.jpg"))
        odd.size = 1
        file.addfile(odd, io.BytesIO(b"x"))
    listed = list(open_source(tmp_path / "a.tar").inputs())
    assert [one.key for one in listed] == ["a/b", "a/link", "\\xff"]
    with pytest.raises(UnreadableError, match="a/link is empty"):
        open_source(tmp_path / "a.tar").content(listed[1])


@pytest.mark.parametrize("form", ["bytes", "struct"])
def test_parquet_files(form, images, tmp_path):
    def column(part):
        if form == "bytes":
            return pa.array(part, pa.binary())
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        return pa.array([{"bytes": b, "path": "x"} for b in part], kind)

    labels = pa.array([3, None, 3, 4, 4])
    embedded.parquet(tmp_path / "0.parquet", image=column(images[:5]), label=labels)
    keys = pa.array([f"k{k}" for k in range(5)])
    embedded.parquet(tmp_path / "1.parquet", picture=column(images[5:]), __key__=keys)
    listed, contents = read(tmp_path)
    assert listed[:2] == [("0.parquet/0", "3"), ("0.parquet/1", None)]
    assert listed[5:] == [(f"k{k}", None) for k in range(5)]
    assert contents == images
    # In any order, and from the middle of a group on.
    source = open_source(tmp_path)
    every = list(source.inputs())
    for row in (4, 7, 1, 2, 9, 0):
        assert source.content(every[row]) == images[row]


def test_parquet_without_pictures(images, tmp_path):
    numbers, some = pa.array([1]), pa.array([images[0]])
    said = refused(embedded.parquet(tmp_path / "a.parquet", key=numbers, x=numbers))
    assert "no column of pictures" in said and "(its columns: key, x)" in said
    said = refused(embedded.parquet(tmp_path / "b.parquet", image=numbers, other=some))
    assert "a column image of int64" in said
    said = refused(embedded.parquet(tmp_path / "c.parquet", a=some, b=some))
    assert "several columns of bytes (a, b)" in said
    content = embedded.parquet(tmp_path / "d.parquet", image=some).read_bytes()
    for kept in (0, 10, len(content) - 5):
        (tmp_path / "d.parquet").write_bytes(content[:kept])
        assert "d.parquet is no Parquet file, damaged or cut short" in refused(
            tmp_path / "d.parquet"
        )


def test_what_is_no_source(images, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/readme.txt").touch()
    assert "holds no pictures" in refused(tmp_path / "empty")
    assert "missing" in refused(tmp_path / "none")
    (tmp_path / "a.jpg").write_bytes(images[0])
    assert "a.jpg is no .bin, .tar or .parquet" in refused(tmp_path / "a.jpg")
    embedded.tar(tmp_path / "b.tar", {"a.jpg": images[0]})
    assert "pictures files and tar files" in refused(tmp_path)
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop/a.jpg").write_bytes(images[0])
    (tmp_path / "loop/z").symlink_to(tmp_path / "loop")
    assert "a link to a folder around it" in refused(tmp_path / "loop")
    (tmp_path / "loop/z").unlink()
    (tmp_path / os.fsdecode(b"loop/\xff.jpg")).touch()
    assert "not UTF-8" in refused(tmp_path / "loop")


def test_a_damaged_tar_file_is_never_taken_for_a_shorter_one(images, tmp_path):
    path = embedded.tar(tmp_path / "a.tar", {f"{k}.jpg": images[k] for k in range(3)})
    whole = path.read_bytes()
    listed = list(open_source(path).inputs())
    second = listed[1].offset - tarfile.BLOCKSIZE
    end = listed[2].offset + -(-listed[2].bytes // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    for length in (0, 100, 512, second, second + 512, listed[2].offset + 100, end):
        path.write_bytes(whole[:length])
        assert str(path) in refused(path), length
    path.write_bytes(whole[:second] + b"\x01" * 512 + whole[second + 512 :])
    assert f"at byte {second:,}" in refused(path)
    path.write_bytes(b"\x1f\x8b" + whole)
    assert "compressed" in refused(path)


def test_inputs_that_changed_since_they_were_listed(images, tmp_path):
    embedded.tree(tmp_path / "tree", images[:3])
    embedded.tar(tmp_path / "a.tar", {"1.jpg": images[0]})
    embedded.parquet(tmp_path / "a.parquet", image=pa.array(images[:1]))
    verification_bin.write(tmp_path / "a.bin", images[:2], [True])
    for name in ("tree", "a.tar", "a.parquet", "a.bin"):
        source = open_source(tmp_path / name)
        one = next(iter(source.inputs()))
        file = source.root / one.file
        os.utime(file, ns=(0, one.modified_ns + 1))
        with pytest.raises(UnreadableError, match="has changed since it was listed"):
            source.content(one)
        file.unlink()
        source.close()
        with pytest.raises(UnreadableError, match="cannot be opened any more") as caught:
            source.content(one)
        assert str(tmp_path) not in str(caught.value)
