"""A file over http(s): resumed after a cut, tried again with back-off, never taken half."""

import json
import re
import time
import urllib.parse
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

from common.errors import FetchError, reason
from common.files import remove, write_json
from fetch import watch, web_page

TIMEOUT = (10, 30)  # seconds to connect, and between two pieces
ATTEMPTS = 4  # in a row that bring nothing new
MOST_ATTEMPTS = 100  # in all
LONGEST_WAIT = 30  # seconds, whatever the server asks for
MOST_REDIRECTS = 10
_PIECE = 1 << 18
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)  # as headers write one
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", re.ASCII)
_VERSION = re.compile(r"[ -~]{1,200}")
_AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))


class _PassingError(Exception):
    """A failure that may pass; ``wait``: seconds that the server asks to wait."""

    def __init__(self, reason: str, wait: float = 0):
        super().__init__(reason)
        self.wait = wait


def fetch(url: str, partial: Path, largest: int, backoff: float = 1.0) -> None:
    """Bring ``url`` whole into ``partial``, going on where an earlier call was cut off.

    At most ``largest`` bytes are taken; ``watch`` bounds the time.

    What the server says of the file's version is kept in ``<partial>.json``; without it, or
    when the file has changed, the transfer starts anew. ``backoff`` is the first pause in
    seconds, doubled each time. Raises ``FetchError``; ``partial`` then stays for another call,
    unless nothing came or the server does not say which version it was the beginning of.
    """
    try:
        _fetch(url, partial, largest, backoff)
    except BaseException:
        tidy(partial)
        raise


def tidy(partial: Path) -> None:
    """Remove what a transfer to ``partial`` left, unless another call can go on with it."""
    if not (_size(partial) and _version(partial)):
        remove(partial)
        remove(_version_file(partial))


def _fetch(url: str, partial: Path, largest: int, backoff: float) -> None:
    failures = 0
    for _ in range(MOST_ATTEMPTS):
        before = _size(partial)
        try:
            _attempt(url, partial, largest)
            remove(_version_file(partial))
            return
        except _PassingError as error:
            failures = 1 if _size(partial) > before else failures + 1
            if failures >= ATTEMPTS:
                raise FetchError(f"{error}, {ATTEMPTS} times in a row") from None
            time.sleep(min(max(error.wait, backoff * 2 ** (failures - 1)), LONGEST_WAIT))
    raise FetchError(f"it broke off {MOST_ATTEMPTS} times")


class _Session(requests.Session):
    """Follows no redirect: requests would read its body, of any length and unpacked."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no address, whatever ``resp`` says."""


def _attempt(url: str, partial: Path, largest: int) -> None:
    version = _version(partial)
    offset = _size(partial) if version else 0
    # Compressed answers could be neither resumed nor measured.
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": version}
    try:
        for _ in range(MOST_REDIRECTS):
            if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
                raise FetchError("its server names an address that is not http(s)")
            with (
                _Session() as session,
                session.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response,
            ):
                target = response.headers.get("Location")
                if response.status_code not in _REDIRECTS or not target:
                    _receive(response, partial, offset, largest)
                    return
                url = urllib.parse.urljoin(url, target)
        raise FetchError("its server redirects without end")
    except (requests.ConnectionError, requests.Timeout) as error:
        said = _reason(error)
        if "name" in said:  # a name that does not resolve now will not in a moment
            raise FetchError(said) from None
        raise _PassingError(said) from None
    except (requests.RequestException, ValueError) as error:  # ValueError: no address at all
        raise FetchError(f"its address or answer is damaged: {reason(error)}") from None
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


def _receive(response: requests.Response, partial: Path, offset: int, largest: int) -> None:
    status, headers = response.status_code, response.headers
    if status == 416:
        # Past the end: the file is another one, or the length was a lie.
        remove(partial)
        raise _PassingError("the server has no more of the file than was fetched")
    if status in _AGAIN:
        wait = headers.get("Retry-After", "")
        wait = float(wait) if _NUMBER.fullmatch(wait) else 0
        raise _PassingError(f"the server answers {status}", wait)
    if status not in (200, 206):
        raise FetchError(reason(f"the server answers {status} {response.reason or ''}"))
    if headers.get("Content-Encoding", "identity") != "identity":
        raise FetchError("the server sends the file compressed")
    if headers.get("Content-Type", "").startswith("text/html"):
        raise FetchError(web_page.describe(response.raw.read1(web_page.HEAD) or b""))
    total = None
    if status == 200:
        offset = 0
    else:
        part = _RANGE.fullmatch(headers.get("Content-Range", ""))
        if not part or int(part[1]) != offset:
            remove(partial)
            raise _PassingError("the server sent another part of the file than was asked for")
        total = None if part[2] == "*" else int(part[2])
    length = headers.get("Content-Length", "")
    if total is None and _NUMBER.fullmatch(length):
        total = offset + int(length)
    if total is not None and total > largest:
        raise _refused(partial, watch.too_large(largest))
    _keep_version(partial, headers.get("ETag", ""), headers.get("Last-Modified", ""))

    size = offset
    with (
        partial.open("r+b" if offset else "wb", buffering=0) as file,
        tqdm(
            total=total, initial=offset, unit="B", unit_scale=True, leave=False, disable=None
        ) as bar,
    ):
        file.seek(offset)
        # As it arrives: waiting for a whole piece, a slow server could not be seen to be slow.
        while piece := response.raw.read1(_PIECE, decode_content=False):
            file.write(piece)
            bar.update(len(piece))
            size += len(piece)
            if size > largest:
                raise _refused(partial, watch.too_large(largest))
    if total is not None and size < total:
        raise _PassingError(f"the connection broke after {size:,} of {total:,} bytes")


def _refused(partial: Path, why: str) -> FetchError:
    remove(partial)
    remove(_version_file(partial))
    return FetchError(why)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _version_file(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")


def _version(partial: Path) -> str:
    try:
        found = json.loads(_version_file(partial).read_text())["version"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) and _VERSION.fullmatch(found) else ""


def _keep_version(partial: Path, etag: str, modified: str) -> None:
    # RFC 9110, 13.1.5: only a strong tag or a date may stand in If-Range.
    version = etag if etag and not etag.startswith("W/") else modified
    kept = version if _VERSION.fullmatch(version) else ""
    write_json(_version_file(partial), {"version": kept})
