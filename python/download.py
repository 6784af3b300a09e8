"""Download one input of the chain from the first of its sources that gives it.

A source is gdrive:ID, obs://BUCKET/KEY, http(s)://... or file:///PATH.
"""

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from common.checksum import sha256
from common.errors import ChainError, FetchError, exit_with
from common.files import is_zip, remove, write_json
from common.records import read_json
from dataset import verification_bin
from fetch import gdrive, obs, web_page
from fetch.watch import too_large, watched

# By suffix, what is read later.
LARGEST = {".bin": verification_bin.LARGEST, ".pth": 8 << 30, ".onnx": 2 << 30}
LARGEST_OTHER = 8 << 30
RECORDS = ".downloads.json"  # beside the files: what the first download of each was
_GDRIVE = re.compile(r"https://drive\.google\.com/(?:file/d/|(?:open|uc)\?(?:.*&)?id=)([\w-]+)")


def download(path: Path, sources: list[str], known: dict[str, Any]) -> str:
    """Bring ``path`` from the first of ``sources`` that gives it; return that source.

    ``known`` may hold ``size`` and ``sha256``; where the checksum is not known, the one of the
    first download counts, kept in ``.downloads.json`` beside the file. ``path`` appears whole
    and checked; a cut transfer that can go on stays beside it for the next call. Raises
    ``ChainError`` that says why each source failed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    records_path = path.parent / RECORDS
    reasons = []
    with _alone(path.parent):
        records = read_json(records_path) if records_path.exists() else {}
        first = records.get(path.name)
        expected = known if known.get("sha256") or not isinstance(first, dict) else known | first
        for source in sources:
            partial = _partial(path, source)
            largest = LARGEST.get(path.suffix, LARGEST_OTHER)
            try:
                _fetch(source, partial, largest)
                found = _check(partial, path, expected)
            except FetchError as error:
                reasons.append(f"{source} ({error})")
                continue
            records[path.name] = {**found, "source": source}
            write_json(records_path, records)
            os.replace(partial, path)
            for left in path.parent.glob(f".{path.name}.*.part*"):
                remove(left)
            return source
    raise ChainError(f"{path} could not be downloaded: {'; '.join(reasons)}")


def _partial(path: Path, source: str) -> Path:
    # Each source has its own: bytes of two files must not be joined.
    return path.with_name(f".{path.name}.{hashlib.sha256(source.encode()).hexdigest()[:8]}.part")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _fetch(source: str, partial: Path, largest: int) -> None:
    scheme, _, rest = source.partition(":")
    if drive := _GDRIVE.match(source):
        scheme, rest = "gdrive", drive[1]
    fetchers: dict[str, Callable[[], None]] = {
        "gdrive": lambda: gdrive.fetch(rest, partial),
        "obs": lambda: obs.fetch(source, partial),
        "http": lambda: _fetch_http(source, partial, largest),
        "https": lambda: _fetch_http(source, partial, largest),
        "file": lambda: _copy(source, partial, largest),
    }
    if scheme not in fetchers:
        raise FetchError(f"its scheme is none of {' '.join(fetchers)}")
    try:
        watched(fetchers[scheme], partial, largest)
    except FetchError:
        # The process that fetched it may have been killed before it could.
        if scheme in ("http", "https"):
            with suppress(ImportError):
                from fetch import http

                http.tidy(partial)
        raise


def _fetch_http(url: str, partial: Path, largest: int) -> None:
    try:
        from fetch import http
    except ImportError:
        raise FetchError("requests is not installed in this Python environment") from None
    http.fetch(url, partial, largest, float(os.environ.get("DOWNLOAD_BACKOFF", "1")))


def _copy(url: str, partial: Path, largest: int) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise FetchError("a file: address names no other machine; write file:///path")
    source = Path(urllib.parse.unquote(parts.path))
    if source.exists() and not source.is_file():
        raise FetchError("it is no file")
    try:
        if source.stat().st_size > largest:
            raise FetchError(too_large(largest))
        shutil.copyfile(source, partial)
    except OSError as error:
        remove(partial)
        raise FetchError(error.strerror or str(error)) from None


def _check(partial: Path, path: Path, expected: dict[str, Any]) -> dict[str, Any]:
    """Return size and checksum of ``partial``; a file that fails a check is removed."""
    try:
        with partial.open("rb") as file:
            head = file.read(web_page.HEAD)
        if web_page.is_page(head):
            raise FetchError(web_page.describe(head))
        found = {"size": partial.stat().st_size, "sha256": sha256(partial)}
        for key in ("size", "sha256"):
            if expected.get(key) not in (None, found[key]):
                raise FetchError(
                    f"{key} is {found[key]} instead of {expected[key]}, which an earlier download "
                    f"or the manifest has; if the new file is right, remove {path.name} from "
                    f"{path.parent / RECORDS}"
                )
        if path.suffix == ".bin":
            verification_bin.read(partial)
        elif path.suffix == ".pth" and not (is_zip(partial) or head[:1] == b"\x80"):
            raise FetchError("what came is not a whole PyTorch checkpoint")
        return found
    except ChainError:
        remove(partial)
        raise FetchError("what came is not a whole verification .bin") from None
    except FetchError:
        remove(partial)
        raise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="JSON: file -> sources")
    parser.add_argument("--file", type=Path, required=True, help="file to bring")
    parser.add_argument("--url", help="source to use instead of the manifest's")
    parser.add_argument("--variable", required=True, help="make variable that names the file")
    args = parser.parse_args()
    entry = json.loads(args.manifest.read_text()).get(str(args.file), {})
    sources = [args.url] if args.url else entry.get("sources", [])
    try:
        source = download(args.file, sources, entry if not args.url else {})
    except ChainError as error:
        # Of the demo's inputs the detector is none.
        demo = "" if args.variable == "DETECTOR" else "..., or run make demo."
        raise ChainError(f"{error}. Give your own file with {args.variable}={demo}") from None
    print(f"{args.file} came from {source}")


if __name__ == "__main__":
    exit_with(main)
