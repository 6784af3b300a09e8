"""What an encoded image claims to be, read before anything is allocated for it."""

import re
import struct
from typing import NamedTuple

# A frame header (ITU-T T.81, table B.1): C0 to CF without DHT (C4), JPG (C8) and DAC (CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
_START_OF_SCAN, _END = 0xDA, 0xD9
# Behind a scan's header its data, in which FF stands before 00 and restart markers alone.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
# Encoders write 10 of a progressive picture. Of a few bytes each takes a pass over all of it.
LARGEST_SCANS = 100
# Of a whole photograph: 192 MiB when it is decoded. A crop has far fewer.
LARGEST_PIXELS = 8192 * 8192
# What a verification .bin may hold; photographs may be BMP and WebP besides.
CROPS = ("JPEG", "PNG")


class Header(NamedTuple):
    """``width`` and ``height`` in pixels as stored; ``kind`` is JPEG, PNG, BMP or WebP."""

    kind: str
    width: int
    height: int
    animated: bool = False


def read(data: bytes | memoryview) -> Header | None:
    """Return the header of ``data``; None for anything but a JPEG, PNG, BMP or WebP.

    None too for one that is cut short (a JPEG: before its frame), whose parts claim more than
    there is, or that is a JPEG of more than ``LARGEST_SCANS`` scans. A file that says it is
    animated, or holds frames, is ``animated``.
    """
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _png(data)
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    if data[:2] == b"BM":
        return _bmp(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    return None


def size(data: bytes | memoryview) -> tuple[int, int] | None:
    """Return (width, height) in pixels of the crop ``data``; None unless a still JPEG or PNG."""
    header = read(data)
    if header is None or header.kind not in CROPS or header.animated:
        return None
    return header.width, header.height


def _png(data: bytes | memoryview) -> Header | None:
    # Decoders allocate what a chunk claims before they read it (OpenCV 5.0: up to 4 GiB for a
    # picture of 400 bytes), so every chunk has to fit, and the picture has to end.
    position, kind, animated = 8, b"", False
    while kind != b"IEND":
        if position + 12 > len(data):
            return None
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        if (position == 8) != (kind == b"IHDR"):
            return None
        # An animation has frames with sizes of their own.
        animated |= kind == b"acTL"
        position += 12 + length
    if position > len(data):
        return None
    return Header("PNG", *struct.unpack(">II", data[16:24]), animated)


def _jpeg(data: bytes | memoryview) -> Header | None:
    position, found, scans = 2, None, 0
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            position += 1  # decoders skip stray bytes between segments
            continue
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1  # padding
        elif marker in _STANDALONE or marker == 0:
            position += 2
        elif marker == _END:
            break
        elif marker == _START_OF_SCAN:
            scans += 1
            if not found or scans > LARGEST_SCANS:
                return None
            following = _MARKER.search(data, position + 2)
            position = following.start() if following else len(data)
        else:
            if marker in _FRAMES and not found:
                if position + 9 > len(data):
                    return None
                height, width = struct.unpack(">HH", data[position + 5 : position + 9])
                found = Header("JPEG", width, height)
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return found


def _bmp(data: bytes | memoryview) -> Header | None:
    # The file header, then a BITMAPINFOHEADER or a longer one that begins as it does.
    if len(data) < 54:
        return None
    pixels, length, width, height, _, depth, compression = struct.unpack("<IIiiHHI", data[10:34])
    height = abs(height)  # negative where the rows begin at the top
    row = (width * depth + 31) // 32 * 4
    # 0: plain, 3: plain with masks. The others are rare, and their length says nothing.
    if length < 40 or width <= 0 or compression not in (0, 3) or pixels + row * height > len(data):
        return None
    return Header("BMP", width, height)


def _webp(data: bytes | memoryview) -> Header | None:
    # RFC 9649. The frames of a picture that says it is still have to be missing too.
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        return None
    position, sizes, animated = 12, [], False
    while position + 8 <= end:
        kind, length = struct.unpack("<4sI", data[position : position + 8])
        begin = position + 8
        position = begin + length + length % 2
        if position > end:
            return None
        animated |= kind in (b"ANIM", b"ANMF")
        if kind in (b"VP8 ", b"VP8L", b"VP8X"):
            if length < 10:  # of a whole picture in each of the three
                return None
            animated |= kind == b"VP8X" and bool(data[begin] & 2)
            sizes.append(_webp_size(kind, bytes(data[begin : begin + 10])))
    # The canvas is the picture's size, or decoders would disagree on it.
    if not sizes or None in sizes or (len(set(sizes)) > 1 and not animated):
        return None
    return Header("WebP", *sizes[0], animated)


def _webp_size(kind: bytes, head: bytes) -> tuple[int, int] | None:
    if kind == b"VP8X":
        canvas = int.from_bytes(head[4:10], "little")
        return (canvas & 0xFFFFFF) + 1, (canvas >> 24) + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1) if head[0] == 0x2F else None
    width, height = struct.unpack("<HH", head[6:10])
    return (width & 0x3FFF, height & 0x3FFF) if head[3:6] == b"\x9d\x01\x2a" else None
