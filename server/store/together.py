"""Calls of one Redis script that go out together: those that come while others are under way wait, and go in one go.

The sessions of a server write at the same moments, since their chunks come at the same moments. A call of its own costs
each of them a connection of the pool, a write to a socket and a read from it, and the last one waits for all others.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from redis.exceptions import NoScriptError

MOST_BYTES = 1 << 20
"""Of one go: a session that stores minutes after an outage must not hold up the others."""


class Together:
    """`call` runs `script`, which takes two keys. A script that fails costs its own caller alone."""

    def __init__(self, redis: Any, script: str) -> None:
        self._redis = redis
        self._script = script
        self._sha: str | None = None
        self._waiting: deque[tuple[Sequence[Any], asyncio.Future[Any]]] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def call(self, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """What the script returns. Raises as redis does."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(([*keys, *args], answer))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
        return await answer

    async def close(self) -> None:
        """Cancels the calls that wait for an answer."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        self._drop()  # a task that is cancelled before its first step runs none of its code

    async def _send(self) -> None:
        try:
            while self._waiting:
                await self._go(self._next())
        finally:
            self._drop()

    def _drop(self) -> None:
        self._sending = None
        while self._waiting:
            self._waiting.popleft()[1].cancel()

    def _next(self) -> list[tuple[Sequence[Any], "asyncio.Future[Any]"]]:
        calls, size = [], 0
        while self._waiting and size < MOST_BYTES:
            arguments, answer = self._waiting.popleft()
            if not answer.done():  # its caller may have been cancelled
                calls.append((arguments, answer))
                size += sum(len(argument) for argument in arguments if isinstance(argument, bytes))
        return calls

    async def _go(self, calls: list[tuple[Sequence[Any], "asyncio.Future[Any]"]]) -> None:
        try:
            results = await self._run([arguments for arguments, _ in calls])
        except asyncio.CancelledError:
            for _, answer in calls:
                answer.cancel()
            raise
        except Exception as error:
            results = [error] * len(calls)
        for (_, answer), result in zip(calls, results, strict=True):
            if answer.done():
                continue
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)

    async def _run(self, calls: list[Sequence[Any]]) -> list[Any]:
        """The answers in order; a script that failed answers with its exception."""
        if self._sha is None:
            self._sha = await self._redis.script_load(self._script)
        results = await self._evaluate(calls)
        unknown = [at for at, result in enumerate(results) if isinstance(result, NoScriptError)]
        if unknown:  # Redis was started anew
            self._sha = await self._redis.script_load(self._script)
            again = await self._evaluate([calls[at] for at in unknown])
            for at, result in zip(unknown, again, strict=True):
                results[at] = result
        return results

    async def _evaluate(self, calls: list[Sequence[Any]]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for arguments in calls:
                pipe.evalsha(self._sha, 2, *arguments)
            results: list[Any] = await pipe.execute(raise_on_error=False)
            return results
