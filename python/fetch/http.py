"""A file over http(s): resumed after a cut, tried again with back-off, never taken half."""

import json
import time
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

from common.errors import FetchError
from common.files import remove, write_json
from fetch import web_page

TIMEOUT = (10, 30)  # seconds to connect, and between two pieces
ATTEMPTS = 4  # in a row that bring nothing new
MOST_ATTEMPTS = 100  # in all
LONGEST_WAIT = 30  # seconds, whatever the server asks for
LARGEST = 16 << 30  # bytes; a checkpoint has some hundred MB
_PIECE = 1 << 18
_AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))


class _PassingError(Exception):
    """A failure that may pass; ``wait``: seconds that the server asks to wait."""

    def __init__(self, reason: str, wait: float = 0):
        super().__init__(reason)
        self.wait = wait


def fetch(url: str, partial: Path, backoff: float = 1.0) -> None:
    """Bring ``url`` whole into ``partial``, going on where an earlier call was cut off.

    What the server says of the file's version is kept in ``<partial>.json``; without it, or
    when the file has changed, the transfer starts anew. ``backoff`` is the first pause in
    seconds, doubled each time. Raises ``FetchError``; ``partial`` then stays for another call.
    """
    failures = 0
    for _ in range(MOST_ATTEMPTS):
        before = _size(partial)
        try:
            _attempt(url, partial)
            remove(_version_file(partial))
            return
        except _PassingError as error:
            failures = 1 if _size(partial) > before else failures + 1
            if failures >= ATTEMPTS:
                raise FetchError(f"{error}, {ATTEMPTS} times in a row") from None
            time.sleep(min(max(error.wait, backoff * 2 ** (failures - 1)), LONGEST_WAIT))
    raise FetchError(f"it broke off {MOST_ATTEMPTS} times")


def _attempt(url: str, partial: Path) -> None:
    version = _version(partial)
    offset = _size(partial) if version else 0
    # Compressed answers could be neither resumed nor measured.
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": version}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            _receive(response, partial, offset)
    except (requests.ConnectionError, requests.Timeout) as error:
        reason = _reason(error)
        if "name" in reason:  # a name that does not resolve now will not in a moment
            raise FetchError(reason) from None
        raise _PassingError(reason) from None
    except requests.RequestException as error:
        raise FetchError(f"{type(error).__name__}: {error}") from None
    except urllib3.exceptions.HTTPError:
        raise _PassingError(f"the connection broke after {_size(partial):,} bytes") from None


def _reason(error: Exception) -> str:
    text = str(error)
    if "NameResolution" in text:
        return "its server's name does not resolve"
    if "Connection refused" in text:
        return "its server refuses the connection"
    if isinstance(error, requests.Timeout):
        return "its server does not answer in time"
    return "the connection failed"


def _receive(response: requests.Response, partial: Path, offset: int) -> None:
    status, headers = response.status_code, response.headers
    if status == 416:
        # Past the end: the file is another one, or the length was a lie.
        remove(partial)
        raise _PassingError("the server has no more of the file than was fetched")
    if status in _AGAIN:
        wait = headers.get("Retry-After", "")
        raise _PassingError(f"the server answers {status}", float(wait) if wait.isdigit() else 0)
    if status not in (200, 206):
        raise FetchError(f"the server answers {status} {response.reason or ''}".rstrip())
    if headers.get("Content-Type", "").startswith("text/html"):
        head = next(response.raw.stream(web_page.HEAD), b"")
        raise FetchError(web_page.describe(head))
    if headers.get("Content-Encoding", "identity") != "identity":
        raise FetchError("the server sends the file compressed")
    if status == 200:
        offset = 0
    elif not headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
        remove(partial)
        raise _PassingError("the server sent another part of the file than was asked for")
    length = headers.get("Content-Length", "")
    total = offset + int(length) if length.isdigit() else None
    _keep_version(partial, headers.get("ETag", ""), headers.get("Last-Modified", ""))

    size = offset
    with (
        partial.open("r+b" if offset else "wb") as file,
        tqdm(
            total=total, initial=offset, unit="B", unit_scale=True, leave=False, disable=None
        ) as bar,
    ):
        file.seek(offset)
        for piece in response.raw.stream(_PIECE, decode_content=False):
            file.write(piece)
            bar.update(len(piece))
            size += len(piece)
            if size > LARGEST:
                raise FetchError(f"the file is larger than {LARGEST >> 30} GiB")
    if total is not None and size < total:
        raise _PassingError(f"the connection broke after {size:,} of {total:,} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _version_file(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")


def _version(partial: Path) -> str:
    try:
        return json.loads(_version_file(partial).read_text())["version"]
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _keep_version(partial: Path, etag: str, modified: str) -> None:
    # RFC 9110, 13.1.5: only a strong tag or a date may stand in If-Range.
    version = etag if etag and not etag.startswith("W/") else modified
    write_json(_version_file(partial), {"version": version})
