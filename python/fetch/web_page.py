"""Recognises a web page that came in place of a file."""

import re

HEAD = 1 << 16  # bytes that describe() needs
_PAGE = re.compile(
    rb"\A\s*(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head)", re.I
)
_TITLE = re.compile(rb"<title[^>]*>([^<]{1,200})</title", re.I)
_QUOTA = re.compile("quota|too many users|had many accesses", re.I)


def is_page(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is a web page."""
    return bool(_PAGE.match(head))


def is_quota(text: str) -> bool:
    """Tell whether ``text``, a page or a message, says that a download quota is used up."""
    return bool(_QUOTA.search(text))


def describe(head: bytes) -> str:
    """Say in a clause what the page that begins with ``head`` is."""
    found = _TITLE.search(head)
    text = found[1].decode("utf-8", "replace") if found else ""
    # What a server writes is shown, not obeyed: no control characters on the terminal.
    title = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    titled = f" titled {title!r}" if title else ""
    if is_quota(head.decode("utf-8", "replace")):
        return f"a download quota is used up (a web page{titled} came instead; try tomorrow)"
    return f"a web page{titled} came instead of the file"
