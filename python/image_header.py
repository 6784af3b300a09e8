"""The size that an encoded image claims, read from its header before anything is allocated."""

import struct

# A frame header (ITU-T T.81, table B.1): C0 to CF without DHT (C4), JPG (C8) and DAC (CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
_START_OF_SCAN, _END = 0xDA, 0xD9


def size(data: bytes | memoryview) -> tuple[int, int] | None:
    """Return (width, height) in pixels of the JPEG or PNG ``data``; None for anything else."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return struct.unpack(">II", data[16:24]) if data[12:16] == b"IHDR" and data[23:] else None
    if data[:2] == b"\xff\xd8":
        return _jpeg_size(data)
    return None


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
