"""Audio at the pace at which it is spoken: the one paced sender of all benchmarks. Imports nothing heavy.

Moments are absolute: a caller that is slow with one chunk, because the server holds it back, gets the next ones late
and does not move them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Chunk = TypeVar("Chunk", bytes, memoryview, bytes | memoryview)


async def on_time(plan: Iterable[tuple[float, Item]]) -> AsyncIterator[tuple[float, Item]]:
    """Yields each item of a plan when its moment of `time.monotonic()` has come, and at once where it has passed."""
    for due, item in plan:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        yield due, item


def paced(
    chunks: Iterable[Chunk], bytes_per_s: float, began: float | None = None, speed: float | None = 1.0
) -> AsyncIterator[tuple[float, Chunk]]:
    """Yields each chunk when its last sample has been spoken, after that moment of `time.monotonic()`.

    `began` is when the first sample is spoken, now if it is not given. At `speed` 2 people speak twice as fast; None
    yields each chunk at once.
    """
    began = time.monotonic() if began is None else began
    return on_time(_spoken(chunks, bytes_per_s, began, speed))


def _spoken(
    chunks: Iterable[Chunk], bytes_per_s: float, began: float, speed: float | None
) -> Iterator[tuple[float, Chunk]]:
    spoken = 0
    for chunk in chunks:
        spoken += len(chunk)
        yield (began + spoken / bytes_per_s / speed if speed else time.monotonic()), chunk


def cut(data: bytes, *sizes: int) -> list[bytes]:
    """The data in chunks of these sizes in bytes, the last size repeated to the end."""
    chunks: list[bytes] = []
    at = 0
    while at < len(data):
        size = sizes[min(len(chunks), len(sizes) - 1)]
        chunks.append(data[at : at + size])
        at += size
    return chunks
