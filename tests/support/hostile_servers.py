"""Servers that do harm, each a function that answers one connection; name -> (it, words told).

Words are of the sentence that ``download`` fails with; None: the file must come whole.
"""

import gzip
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator

CONTENT = pickle.dumps(([bytes(range(256)) * 40, b"x"], [True]), protocol=2)
LENGTH = len(CONTENT)


def head(status: str = "200 OK", *lines: str, length: object = LENGTH) -> bytes:
    given = [] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join([f"HTTP/1.1 {status}", *given, *lines, "", ""]).encode("latin1")


def just(*parts: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(b"".join(parts))


def drip(start: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Send ``start``, then ``piece`` again and again, slowly, for ever."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(piece)
            time.sleep(0.005)

    return answer


def flood(start: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(piece)

    return answer


def silent(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


SLOW = "its server sent less than"
CHUNKED = "Transfer-Encoding: chunked"
TOO_LARGE = "the file is larger than"
BROKEN = "the connection broke after"
SERVERS: dict[str, tuple[Callable[[socket.socket], None], str | None]] = {
    "an honest one": (just(head(), CONTENT), None),
    "one without a length": (just(head(length=None), CONTENT), None),
    "no answer": (silent, "does not answer in time|" + SLOW),
    "hangs up": (just(), "the connection failed"),
    "a byte now and then": (drip(head(length=10**6), b"x"), SLOW),
    "a byte now and then, no length": (drip(head(length=None), b"x"), SLOW),
    "chunks of a byte": (drip(head("200 OK", CHUNKED, length=None), b"1\r\nx\r\n"), SLOW),
    "a status line without end": (drip(b"HTTP/1.1 200 O", b"K"), SLOW),
    "headers without end, slowly": (drip(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), "failed|" + SLOW),
    "headers without end": (flood(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), "the connection failed"),
    "a header without end": (flood(b"HTTP/1.1 200 OK\r\nA: ", b"b" * 999), "the connection failed"),
    "continues without end": (flood(b"", head("100 Continue", length=None)), SLOW),
    "a file without end": (flood(head(length=None), b"x" * 4096), TOO_LARGE),
    "chunks without end": (
        flood(head("200 OK", CHUNKED, length=None), b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        TOO_LARGE,
    ),
    "a length of terabytes": (just(head(length=10**13), CONTENT), TOO_LARGE),
    "a length of 5,000 digits": (just(head(length="9" * 5000), CONTENT), None),
    "a length that is no number": (just(head(length="²"), CONTENT), None),
    "a negative length": (just(head(length=-5), CONTENT), None),
    "more than there is": (just(head(length=LENGTH + 9), CONTENT), BROKEN),
    "less than there is": (just(head(length=LENGTH - 9), CONTENT), "no.* whole verification"),
    "an empty file": (just(head(length=0)), "not a whole verification"),
    "redirects without end": (just(head("302 Found", "Location: /x", length=0)), "without end"),
    "a redirect to a file": (
        just(head("302 Found", "Location: file:///etc/passwd", length=0)),
        r"not http\(s\)",
    ),
    "a redirect to nothing": (
        just(head("302 Found", "Location: http://[", length=0)),
        "address or answer is damaged",
    ),
    "a redirect with a body without end": (
        flood(head("302 Found", "Location: /x", length=None), b"x" * 4096),
        "without end",
    ),
    "a redirect with a bomb": (
        just(
            head("302 Found", "Location: /x", "Content-Encoding: gzip", length=None),
            gzip.compress(bytes(1 << 22)),
        ),
        "without end",
    ),
    "a gzip bomb": (
        just(head("200 OK", "Content-Encoding: gzip", length=None), gzip.compress(bytes(1 << 22))),
        "sends the file compressed",
    ),
    "a page": (
        just(
            head("200 OK", "Content-Type: text/html", length=28), b"<html><title>No</title></html"
        ),
        "a web page titled 'No'",
    ),
    "a page called a file": (just(head(length=None), b"<!doctype html><html>"), "a web page"),
    "a page without end": (
        drip(head("200 OK", "Content-Type: text/html", length=None), b"x"),
        "a web page",
    ),
    "busy for a year": (
        just(head("503 Busy", "Retry-After: 31536000", length=0)),
        "answers 503, 4 times",
    ),
    "busy for ever": (
        just(head("429 Later", "Retry-After: " + "9" * 400, length=0)),
        "answers 429, 4 times",
    ),
    "busy for no number": (just(head("503 B", "Retry-After: ²", length=0)), "answers 503, 4 times"),
    "a part that was not asked for": (
        just(head("206 Partial", "Content-Range: bytes 7-99/100"), CONTENT),
        "another part of the file",
    ),
    "a part of terabytes": (
        just(head("206 Partial", f"Content-Range: bytes 0-9/{10**15}", length=10), CONTENT[:10]),
        TOO_LARGE,
    ),
    "a part that is the beginning": (
        just(head("206 P", f"Content-Range: bytes 0-9/{LENGTH}", length=10), CONTENT[:10]),
        BROKEN,
    ),
    "a reason that paints": (just(head("404 \x1b[31mred\x07", length=0)), "answers 404 red"),
    "a status that is none": (just(b"HTTP/1.1 abc\r\n\r\n"), "the connection failed"),
    "no HTTP": (just(b"\x16\x03\x01\x02\x00\x01\x00" * 9), "the connection failed"),
    "chunks that are none": (just(head("200 OK", CHUNKED, length=None), b"zz\r\nx"), BROKEN),
    "a version that paints": (
        just(head("200 OK", "ETag: \x1b[31m" + "x" * 900, length=LENGTH + 9), CONTENT),
        BROKEN,
    ),
}


class Server:
    """Listens on a port of this machine, in threads of its own, and answers as ``answer`` does."""

    def __init__(self, answer: Callable[[socket.socket], None]):
        self._answer, self._listener = answer, socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/set.bin"
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _listen(self) -> None:
        for connection in self._connections():
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _connections(self) -> Iterator[socket.socket]:
        while True:
            try:
                yield self._listener.accept()[0]
            except OSError:
                return

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(1 << 16)
                self._answer(connection)
                # Closing with bytes unread resets the connection under what was sent.
                connection.shutdown(socket.SHUT_WR)
                silent(connection)
            except OSError:
                pass  # the other side has seen enough
