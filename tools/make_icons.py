"""Draws the icons of the extension as PNG, in the shapes of the page's own icon. Pure, and the same bytes every time."""

import struct
import zlib
from collections.abc import Iterator

GROUND = (0x0B, 0x64, 0x70)
INK = (0xFF, 0xFF, 0xFF)
VIEW = 32.0
CORNER = 8.0
BARS = ((6.0, 16.0, 16.0), (11.0, 11.0, 21.0), (16.0, 7.0, 25.0), (21.0, 12.0, 20.0), (26.0, 15.0, 17.0))
"""The bars of a sound: the x of the middle and the y of both ends, in units of which the icon has 32 across."""
HALF_WIDTH = 1.3
SAMPLES = 4
"""How many points of a pixel are looked at, across and down, so that edges are smooth."""

SIZES = (16, 32, 48, 128)


def icon(size: int) -> bytes:
    """A PNG with `size` pixels across and down."""
    rows = b"".join(b"\0" + bytes(_row(size, y)) for y in range(size))
    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)  # 8 bits each of red, green, blue and opacity
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _row(size: int, y: int) -> Iterator[int]:
    scale, points = VIEW / size / SAMPLES, SAMPLES * SAMPLES
    offsets = [(a + 0.5, b + 0.5) for a in range(SAMPLES) for b in range(SAMPLES)]
    for x in range(size):
        at = [((x * SAMPLES + a) * scale, (y * SAMPLES + b) * scale) for a, b in offsets]
        ground = sum(_in_ground(*point) for point in at)
        ink = sum(_in_bars(*point) for point in at)
        share = ink / ground if ground else 0.0
        yield from (round(g + (i - g) * share) for g, i in zip(GROUND, INK, strict=True))
        yield round(255 * ground / points)


def _in_ground(x: float, y: float) -> bool:
    """Whether a point is in the square with round corners."""
    across = max(CORNER - x, x - (VIEW - CORNER), 0.0)
    down = max(CORNER - y, y - (VIEW - CORNER), 0.0)
    return across**2 + down**2 <= CORNER**2


def _in_bars(x: float, y: float) -> bool:
    return any((x - middle) ** 2 + max(top - y, y - bottom, 0.0) ** 2 <= HALF_WIDTH**2 for middle, top, bottom in BARS)
