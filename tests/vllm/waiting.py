"""Waiting for what has no event of its own."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[bool]], limit_s: float = 600) -> None:
    """Asks again and again. Raises TimeoutError."""
    async with asyncio.timeout(limit_s):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.1)
