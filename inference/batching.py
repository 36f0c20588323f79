"""Many sessions, one device: what queued while the device was busy is the next batch.

No timer: a free worker takes work at once, and under load the queue itself makes the batches (the scheme of
text-embeddings-inference). All bookkeeping happens on the event loop, so it needs no lock; the engine runs in threads.
"""

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

NEIGHBOUR = 1.5
"""Items share a batch while their lengths differ by at most this factor: all are padded to the longest."""


@dataclass(frozen=True, slots=True)
class Served(Generic[Result]):
    """A result, and the milliseconds that its item waited and that its batch ran."""

    value: Result
    queue_ms: float
    run_ms: float


@dataclass(slots=True, eq=False)
class Ticket(Generic[Item, Result]):
    """An item in the queue. `cancel` drops it unless its batch has begun."""

    item: Item
    session: str
    urgent: bool
    order: int
    future: "asyncio.Future[Served[Result]]"
    queued_at: float = field(default_factory=time.monotonic)
    started: bool = False

    def cancel(self) -> bool:
        return not self.started and self.future.cancel()


class Batcher(Generic[Item, Result]):
    """Runs `run` over lists of items, urgent ones first, at most one item of a session in a batch.

    `kind` keeps apart items that must not share a batch; `length` (any unit) puts neighbours together.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        max_batch: int,
        workers: int = 1,
        kind: Callable[[Item], Hashable] = lambda item: None,
        length: Callable[[Item], int] = lambda item: 1,
        name: str = "batcher",
        observe: Callable[[int], None] = lambda size: None,
    ) -> None:
        self._run = run
        self._max_batch = max_batch
        self._kind = kind
        self._length = length
        self._observe = observe
        self._free = workers
        self._queue: list[Ticket[Item, Result]] = []
        self._orders = count()
        self._batches: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=name)

    def submit(self, item: Item, *, session: str, urgent: bool = False) -> Ticket[Item, Result]:
        """Queues an item; await the ticket's `future`. Cancelling the future takes it out of the queue."""
        future: asyncio.Future[Served[Result]] = asyncio.get_running_loop().create_future()
        ticket = Ticket(item, session, urgent, next(self._orders), future)
        self._queue.append(ticket)
        self._dispatch()
        return ticket

    async def run(self, item: Item, *, session: str, urgent: bool = False) -> Served[Result]:
        """Submits and waits. Raises what the engine raised for this item."""
        return await self.submit(item, session=session, urgent=urgent).future

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def close(self) -> None:
        """Drops what waits, lets running batches end, and ends the threads."""
        for ticket in self._queue:
            ticket.future.cancel()
        self._queue.clear()
        await asyncio.gather(*self._batches)
        self._threads.shutdown(wait=False)

    def _dispatch(self) -> None:
        self._queue = [ticket for ticket in self._queue if not ticket.future.done()]
        while self._free and self._queue:
            batch = self._next_batch()
            self._free -= 1
            task = asyncio.get_running_loop().create_task(self._serve(batch))
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)

    def _next_batch(self) -> list[Ticket[Item, Result]]:
        ordered = sorted(self._queue, key=lambda ticket: (not ticket.urgent, ticket.order))
        head = ordered[0]
        kind, length = self._kind(head.item), self._length(head.item)
        batch: list[Ticket[Item, Result]] = []
        sessions: set[str] = set()
        for ticket in ordered:
            longer, shorter = max(length, self._length(ticket.item)), min(length, self._length(ticket.item))
            if ticket.session in sessions or self._kind(ticket.item) != kind or longer > NEIGHBOUR * shorter:
                continue
            ticket.started = True
            sessions.add(ticket.session)
            batch.append(ticket)
            if len(batch) == self._max_batch:
                break
        self._queue = [ticket for ticket in self._queue if not ticket.started]
        return batch

    async def _serve(self, batch: list[Ticket[Item, Result]]) -> None:
        loop = asyncio.get_running_loop()
        began = time.monotonic()
        self._observe(len(batch))
        try:
            results = await loop.run_in_executor(self._threads, self._run_each, [ticket.item for ticket in batch])
        finally:
            self._free += 1
        run_ms = (time.monotonic() - began) * 1000
        for ticket, result in zip(batch, results, strict=True):
            if ticket.future.done():
                continue  # the caller has gone
            if isinstance(result, Exception):
                ticket.future.set_exception(result)
            else:
                ticket.future.set_result(Served(result, (began - ticket.queued_at) * 1000, run_ms))
        self._dispatch()

    def _run_each(self, items: list[Item]) -> list[Result | Exception]:
        """The batch, or, where it fails, each item alone: one bad item must not fail its neighbours."""
        try:
            return list(self._run(items))
        except Exception as error:
            if len(items) == 1:
                return [error]
        return [outcome for item in items for outcome in self._run_each([item])]
