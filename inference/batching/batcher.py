"""Many sessions, one device: what queued while the device was busy is the next batch.

No timer: a free worker takes work at once, and under load the queue itself makes the batches (the scheme of
text-embeddings-inference). All bookkeeping happens on the event loop, so it needs no lock; the engine runs in threads.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, Generic

from inference.batching.limits import BatchLimits
from inference.batching.waiting import (
    LIVE_S,
    Item,
    Lane,
    Patience,
    Result,
    Served,
    Superseded,
    Ticket,
    by_patience,
    in_turn,
    next_batch,
    ordered,
)
from inference.device.faults import DeviceError, OutOfMemory

logger = logging.getLogger(__name__)

NEXT_OF_SESSION_S = 0.01
"""Where an order is to be kept, a free worker waits this long for the next item of the session that it has just
served: without that, the item is still on its way, and the session that comes next in the order takes every other turn.
Sessions with ranks have such an order, and so have the parts of a recording beside live sessions."""


class Batcher(Generic[Item, Result]):
    """Runs `run` over lists of items, finals first, at most one item of a session in a batch.

    Items of the lane FILE run when nothing else waits. While sessions are live, their batches are short, and one of
    them begins only while at most half of the workers are busy, so that a final finds a free worker.

    With `patience`, second tries and partials let finals pass only for so many seconds, unless a final is late.

    `kind` keeps apart what must not share a batch, such as lengths; `prepare` makes of each item, while the device is
    busy, what `run` takes as its second argument in place of None.

    `run` raises OutOfMemory if a batch does not fit: its items go back into the queue, and batches of their kind become
    half as large. Only an item that does not fit alone on the device counts as a device fault. For every other
    DeviceError, and for that item, the items of the batch fail, and nothing is started until `restart`, called once for
    that, has come back. A second device fault within `restart_rest_s`, or a restart that fails or takes longer than
    `restart_limit_s`, is the end: everything fails from then on, and `gone` is set.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item], Sequence[Any]], Sequence[Result]],
        *,
        max_batch: int,
        workers: int = 1,
        kind: Callable[[Item], Hashable] = lambda item: None,
        prepare: Callable[[Sequence[Item]], Sequence[Any]] | None = None,
        patience: Patience = MappingProxyType({}),
        restart: Callable[[], Awaitable[None]] | None = None,
        restart_rest_s: float = 600.0,
        restart_limit_s: float = 300.0,
        name: str = "batcher",
        observe: Callable[[int], None] = lambda size: None,
        out_of_memory: Callable[[], None] = lambda: None,
    ) -> None:
        self._run = run
        self._limits = BatchLimits(max_batch, workers)
        self._kind = kind
        self._patience = patience
        self._prepare = prepare
        self._restart = restart
        self._restart_rest_s = restart_rest_s
        self._restart_limit_s = restart_limit_s
        self._observe = observe
        self._out_of_memory = out_of_memory
        self._running = 0
        self._live_at = float("-inf")  # when something other than a file was queued last
        self._queue: list[Ticket[Item, Result]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._preparing: asyncio.Task[None] | None = None
        self._preparer = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-prepare")
        self._closed = False
        self._restarting = False
        self._restarted_at: float | None = None
        self.failed: DeviceError | None = None
        """Why nothing runs any more."""
        self.ranks: Mapping[str, int] = {}
        """Which sessions go first, the lowest rank before the others; empty: who has waited longest."""
        self.gone = asyncio.Event()
        """Set together with `failed`."""

    def submit(
        self, item: Item, *, session: str, lane: Lane = Lane.FINAL, since: float | None = None
    ) -> Ticket[Item, Result]:
        """Queues an item; await the ticket's `future`, which raises what the engine raised for this item.

        `since`: the monotonic time at which somebody began to wait for it, if before now.

        Cancelling the future takes it out of the queue. A partial takes the place of an older one of its session.
        """
        future: asyncio.Future[Served[Result]] = asyncio.get_running_loop().create_future()
        ticket = Ticket(item, session, lane, since or time.monotonic(), future, self._kind(item))
        if self.failed is not None:
            future.set_exception(self.failed)
            return ticket
        if lane is Lane.PARTIAL:
            self._supersede(ticket)
        if lane is not Lane.FILE:
            self._live_at = ticket.queued_at
        self._queue.append(ticket)
        self._dispatch()
        return ticket

    async def run(
        self, item: Item, *, session: str, lane: Lane = Lane.FINAL, since: float | None = None
    ) -> Served[Result]:
        """Submits and waits. Raises what the engine raised for this item, DeviceError, or Superseded."""
        return await self.submit(item, session=session, lane=lane, since=since).future

    @property
    def up(self) -> bool:
        """Whether batches may start: the device has not failed for good and is not being restarted."""
        return self.failed is None and not self._restarting

    @property
    def batch_limit(self) -> int:
        """The most items in a batch, of the kind whose batches are smallest since memory ran out."""
        return self._limits.smallest(time.monotonic())

    async def close(self) -> None:
        """Drops what waits, lets running batches end, and ends the threads."""
        self._closed = True
        for ticket in self._queue:
            ticket.future.cancel()
        self._queue.clear()
        await asyncio.gather(*self._tasks)
        self._threads.shutdown(wait=False)
        self._preparer.shutdown(wait=False)

    def _supersede(self, newer: Ticket[Item, Result]) -> None:
        for older in self._queue:
            if older.session == newer.session and older.lane is Lane.PARTIAL:
                newer.since = older.since  # in its place, or a busy session would never be shown
                self._queue.remove(older)
                if not older.future.done():
                    older.future.set_exception(Superseded())
                return

    def _dispatch(self) -> None:
        # Only when a worker is free: to look through the queue for every item that joins it feeds an overload.
        while self.up and self._running < (at_once := self._limits.at_once(time.monotonic())):
            self._queue = [ticket for ticket in self._queue if not ticket.future.done()]
            if not self._queue:
                break
            if self.live and self._running and 2 * self._running >= at_once and self._only_files():
                break  # the end of a running batch looks again
            self._running += 1
            self._hold(self._serve(self._next_batch(), alone=at_once == 1))
        if self._prepare is not None and self._preparing is None and any(not t.asked for t in self._queue):
            self._preparing = self._hold(self._prepare_waiting(self._prepare))

    @property
    def live(self) -> bool:
        """Whether anything but recordings was asked for lately, so that recordings must leave room for more of it."""
        return time.monotonic() - self._live_at < LIVE_S

    def _only_files(self) -> bool:
        return all(ticket.lane is Lane.FILE for ticket in self._queue)

    def _in_order(self, now: float) -> tuple[list[Ticket[Item, Result]], bool]:
        """What waits, in its order, and whether the lanes take turns."""
        mixed = not self.ranks and in_turn(self._queue, now, self._patience)
        queue = by_patience(self._queue, self._patience) if mixed else ordered(self._queue, now, self.ranks)
        return queue, mixed

    def _next_batch(self) -> list[Ticket[Item, Result]]:
        now, strict = time.monotonic(), bool(self.ranks)
        queue, mixed = self._in_order(now)
        batch = next_batch(queue, now, self._limits, strict=strict, live=self.live, mixed=mixed)
        for ticket in batch:
            ticket.started = True
        self._queue = [ticket for ticket in self._queue if not ticket.started]
        return batch

    def _hold(self, work: Any) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _serve(self, batch: list[Ticket[Item, Result]], alone: bool) -> None:
        began = time.monotonic()
        self._observe(len(batch))
        try:
            results = await asyncio.get_running_loop().run_in_executor(self._threads, self._run_each, batch)
        finally:
            self._running -= 1
        run_ms = (time.monotonic() - began) * 1000
        starved = [ticket for ticket, result in zip(batch, results, strict=True) if isinstance(result, OutOfMemory)]
        if starved:
            self._out_of_memory()
            self._limits.ran_out(batch[0].kind, len(batch), time.monotonic())
            logger.warning("a batch of %d did not fit into the device's memory", len(batch))
            if self.failed is not None or (len(batch) == 1 and alone and not self._running):
                starved = []  # there is nothing smaller to try
        broken: DeviceError | None = None
        for ticket, result in zip(batch, results, strict=True):
            if ticket in starved:
                continue
            if isinstance(result, DeviceError):
                broken = result
            if ticket.future.done():
                continue  # the caller has gone
            if isinstance(result, Exception):
                ticket.future.set_exception(result)
            else:
                ticket.future.set_result(Served(result, (began - ticket.queued_at) * 1000, run_ms))
        self._put_back(starved)
        if broken is not None and self.up:
            await self._recover(broken)
        if self.ranks or (self.live and batch[0].lane is Lane.FILE and self._queue and self._only_files()):
            self._running += 1
            await asyncio.sleep(NEXT_OF_SESSION_S)
            self._running -= 1
        self._dispatch()

    def _put_back(self, tickets: Sequence[Ticket[Item, Result]]) -> None:
        """Queues again what has begun. Its turn is as before, since that depends on how long somebody has waited."""
        if self._closed:
            for ticket in tickets:
                ticket.future.cancel()
            return
        shown = {ticket.session for ticket in self._queue if ticket.lane is Lane.PARTIAL}
        for ticket in tickets:
            ticket.started = False
            if ticket.lane is not Lane.PARTIAL or ticket.session not in shown:
                self._queue.append(ticket)
            elif not ticket.future.done():
                ticket.future.set_exception(Superseded())  # a newer partial came while it ran

    def _run_each(self, batch: Sequence[Ticket[Item, Result]]) -> list[Result | Exception]:
        """The batch, or, where it fails, each item alone: one bad item must not fail its neighbours."""
        try:
            return list(self._run([ticket.item for ticket in batch], [ticket.prepared for ticket in batch]))
        except DeviceError as error:
            return [error] * len(batch)
        except Exception as error:
            if len(batch) == 1:
                return [error]
        return [outcome for ticket in batch for outcome in self._run_each([ticket])]

    async def _prepare_waiting(self, prepare: Callable[[Sequence[Item]], Sequence[Any]]) -> None:
        loop = asyncio.get_running_loop()
        try:
            while waiting := [t for t in self._in_order(time.monotonic())[0] if not t.asked and not t.future.done()][
                : self._limits.max_batch
            ]:
                for ticket in waiting:
                    ticket.asked = True
                items = [ticket.item for ticket in waiting]
                try:
                    prepared: Iterable[Any] = await loop.run_in_executor(self._preparer, prepare, items)
                except Exception:
                    continue  # the batch prepares for itself, and tells the callers why it cannot
                for ticket, value in zip(waiting, prepared, strict=True):
                    ticket.prepared = value
        finally:
            self._preparing = None

    async def _recover(self, error: DeviceError) -> None:
        now = time.monotonic()
        lately = self._restarted_at is not None and now - self._restarted_at < self._restart_rest_s
        self._restarted_at = now
        logger.error("%s", error)
        if self._restart is not None and not lately:
            self._restarting = True
            running = self._tasks - {asyncio.current_task(), self._preparing}
            try:
                async with asyncio.timeout(self._restart_limit_s):  # a call into a broken driver may never return
                    if running:
                        await asyncio.wait(running)  # they hold the device that is to be started anew
                    self._forget_prepared()
                    await self._restart()
                logger.warning("the device was started anew")
                self._forget_prepared()
                return
            except Exception as again:
                error = DeviceError(f"{error}; it did not come back ({type(again).__name__}): restart the server")
            finally:
                self._restarting = False
        logger.critical("given up: %s", error)
        self.failed = error
        for ticket in self._queue:
            if not ticket.future.done():
                ticket.future.set_exception(error)
        self._queue.clear()
        self.gone.set()

    def _forget_prepared(self) -> None:
        for ticket in self._queue:
            ticket.prepared, ticket.asked = None, False  # it lies in the memory of the device that was lost
