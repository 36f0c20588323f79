"""Refusals that repeat become one line a minute."""

from datetime import UTC, datetime

from server.audit.chain import Note
from server.audit.repeats import EVERY_S, MANY, MOST_KINDS, Repeats

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def refusal(address: str = "10.0.0.7", outcome: str = "full") -> Note:
    return Note("refused", "anonymous", None, address, outcome, NOW)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_first_refusal_of_a_kind_is_a_line_and_the_others_of_its_minute_are_counted_in_one():
    clock = Clock()
    repeats = Repeats(clock)
    assert repeats.take(refusal()) is not None
    assert repeats.take(refusal(outcome="not_ready")) is not None
    assert [repeats.take(refusal()) for _ in range(1000)] == [None] * 1000
    clock.now = EVERY_S - 1
    assert repeats.due() == []
    clock.now = EVERY_S
    assert [(note.outcome, note.count) for note in repeats.due()] == [("full", 1000)]
    assert repeats.take(refusal()) is None, "its next minute has begun"
    assert repeats.take(refusal(outcome="not_ready")) is not None, "it was silent for a minute"


def test_at_the_end_every_count_is_told():
    repeats = Repeats(Clock())
    for _ in range(3):
        repeats.take(refusal())
    assert [note.count for note in repeats.due(every=True)] == [2]


def test_a_flood_from_many_addresses_takes_bounded_memory_and_few_lines():
    clock = Clock()
    repeats = Repeats(clock)
    written = [repeats.take(refusal(f"10.{n >> 8}.{n & 255}.1")) for n in range(MOST_KINDS + 500)]
    told = [note for note in written if note is not None]
    assert len(told) == MOST_KINDS + 1
    assert told[-1].address == MANY
    clock.now = EVERY_S
    assert sum(note.count for note in repeats.due()) == 499
