"""The size that an encoded image claims, read before anything is allocated for it."""

import struct

# A frame header (ITU-T T.81, table B.1): C0 to CF without DHT (C4), JPG (C8) and DAC (CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
_START_OF_SCAN, _END = 0xDA, 0xD9


def size(data: bytes | memoryview) -> tuple[int, int] | None:
    """Return (width, height) in pixels of the JPEG or PNG ``data``; None for anything else.

    None too for a PNG that is cut short or animated, or whose chunks claim more than there is.
    """
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _png_size(data)
    if data[:2] == b"\xff\xd8":
        return _jpeg_size(data)
    return None


def _png_size(data: bytes | memoryview) -> tuple[int, int] | None:
    # Decoders allocate what a chunk claims before they read it (OpenCV 5.0: up to 4 GiB for a
    # picture of 400 bytes), so every chunk has to fit, and the picture has to end.
    position, kind = 8, b""
    while kind != b"IEND":
        if position + 12 > len(data):
            return None
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        # The first chunk is the header; an animation has frames with sizes of their own.
        if (position == 8) != (kind == b"IHDR") or kind == b"acTL":
            return None
        position += 12 + length
    return struct.unpack(">II", data[16:24]) if position <= len(data) else None


def _jpeg_size(data: bytes | memoryview) -> tuple[int, int] | None:
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            position += 1  # decoders skip stray bytes between segments
            continue
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1  # padding
        elif marker in _STANDALONE or marker == 0:
            position += 2
        elif marker in (_START_OF_SCAN, _END):
            return None
        elif marker in _FRAMES:
            if position + 9 > len(data):
                return None
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return width, height
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None
