"""What waits for a device, in which order, and what of it is the next batch. Nothing here waits itself."""

import asyncio
import time
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Generic, TypeVar

from inference.batching.limits import BatchLimits

Item = TypeVar("Item")
Result = TypeVar("Result")


class Lane(IntEnum):
    """What goes first. A batch holds one lane."""

    FINAL = 0
    RETRY = 1
    PARTIAL = 2
    FILE = 3
    """Recordings, for which nobody waits while speaking: they take what live sessions leave."""


RETRY_PATIENCE_S = 1.5
"""A second try lets finals pass for this long: then it is somebody's final that is late."""

CROWD_PATIENCE_S = 1.0
"""How long the first of a lane lets a larger batch of its lane pass."""

LATE_S = 1.0
"""Once a final has waited this long, finals go before partials whatever patience those have."""

LIVE_S = 10.0
"""Sessions are live for this long after one of them has asked for something: each asks at least once a chunk."""

FILE_SHARE = 4
"""While sessions are live, a batch of files has at most this part of the items of another batch: a batch that has begun
is not interrupted, and a final that comes meanwhile may have to wait for its end."""


class Superseded(Exception):
    """A newer partial of the same session took this one's place in the queue."""


@dataclass(frozen=True, slots=True)
class Served(Generic[Result]):
    """A result, and the milliseconds that its item waited and that its batch ran."""

    value: Result
    queue_ms: float
    run_ms: float


@dataclass(slots=True, eq=False)
class Ticket(Generic[Item, Result]):
    """An item in the queue. Cancelling `future` drops it unless its batch has begun.

    `since` is the monotonic time at which somebody began to wait for the item, and decides its turn; a second try has
    that of the first. `kind` keeps items of different kinds out of one batch. `prepared` is what `Batcher` made of the
    item beforehand.
    """

    item: Item
    session: str
    lane: Lane
    since: float
    future: "asyncio.Future[Served[Result]]"
    kind: Hashable = None
    queued_at: float = field(default_factory=time.monotonic)
    started: bool = False
    asked: bool = False  # to be prepared
    prepared: Any = None


Patience = Mapping[Lane, float]
"""Seconds for which work of a lane lets finals pass. Without an entry it lets all of them pass."""


def in_turn(queue: Sequence[Ticket[Item, Result]], now: float, patience: Patience) -> bool:
    """Whether the lanes of live work take turns: they have patience, and no final is late."""
    return bool(patience) and not any(t.lane is Lane.FINAL and now - t.queued_at > LATE_S for t in queue)


def by_patience(queue: Sequence[Ticket[Item, Result]], patience: Patience) -> list[Ticket[Item, Result]]:
    """By the moment at which the patience ends; finals have none. What has no patience entered comes last.

    On a GPU a batch of one takes nearly as long as a batch of sixteen. Where finals always go first, they go in small
    batches, which take all of the device's time, and partials wait for seconds (benchmarks/LOG.md).
    """

    def turn(ticket: Ticket[Item, Result]) -> tuple[int, float]:
        takes_turns = ticket.lane is Lane.FINAL or ticket.lane in patience
        return (0 if takes_turns else ticket.lane), ticket.since + patience.get(ticket.lane, 0.0)

    return sorted(queue, key=turn)


def ordered(
    queue: Sequence[Ticket[Item, Result]], now: float, ranks: Mapping[str, int] | None = None
) -> list[Ticket[Item, Result]]:
    """By lane, then by the time somebody has waited; a second try that has waited long enough counts as a final.

    `ranks` of sessions, where given, count before the time, the lowest first; a session without one comes before them.
    Second tries count as finals then: the first session comes to its end before the second one goes on.
    """

    def turn(ticket: Ticket[Item, Result]) -> tuple[int, int, float]:
        overdue = ticket.lane is Lane.RETRY and (bool(ranks) or now - ticket.queued_at > RETRY_PATIENCE_S)
        rank = ranks.get(ticket.session, -1) if ranks else 0
        return (Lane.FINAL if overdue else ticket.lane), rank, ticket.since

    return sorted(queue, key=turn)


def next_batch(
    queue: Sequence[Ticket[Item, Result]],
    now: float,
    limits: BatchLimits,
    *,
    strict: bool = False,
    live: bool = True,
    mixed: bool = False,
) -> list[Ticket[Item, Result]]:
    """Tickets of one lane and one kind out of a queue in order, one of each session, as many as the kind's limit.

    `strict`: the kind is that of the first, though more may wait for another. `live`: sessions are live, so that a
    batch of files is to be short, and therefore no reason to let the first of them wait. `mixed`: the kind is that of
    the first, whose turn it is, and all lanes of live work that have this kind share the batch.
    """
    lane = queue[0].lane
    short = live and lane is Lane.FILE
    lanes = {Lane.FINAL, Lane.RETRY, Lane.PARTIAL} if mixed and lane is not Lane.FILE else {lane}
    ready = [ticket for ticket in queue if ticket.lane in lanes]
    kind = ready[0].kind if strict or short or len(lanes) > 1 else _kind(ready, now)
    most = limits.most(kind, now)
    if short:
        most = max(1, most // FILE_SHARE)
    batch: dict[str, Ticket[Item, Result]] = {}
    for ticket in ready:
        if ticket.kind == kind and len(batch) < most:
            batch.setdefault(ticket.session, ticket)
    return list(batch.values())


def _kind(ready: Sequence[Ticket[Item, Result]], now: float) -> Hashable:
    """The kind that most sessions wait for, unless the first has let others pass for long enough.

    A decoder's step reads all weights, for one row or for eight: the larger batch shortens everybody's way.
    """
    if now - ready[0].queued_at > CROWD_PATIENCE_S:
        return ready[0].kind
    waiting = Counter(kind for kind, _ in {(ticket.kind, ticket.session) for ticket in ready})
    return max((ticket.kind for ticket in ready), key=waiting.__getitem__)
