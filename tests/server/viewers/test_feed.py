"""One feed for all viewers of a session."""

import asyncio

from server.sessions.events import EventLog
from server.viewers.feed import Feed
from server.viewers.source import LogSource


class Seen:
    """A viewer that keeps the numbers of what it is shown."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.whole: bool | None = None

    def begin(self, seq: int) -> None:
        self.seq = seq

    def show(self, frame) -> None:
        if frame.seq > self.seq:
            self.numbers.append(frame.seq)

    def end(self, whole: bool) -> None:
        self.whole = whole


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_viewers_that_come_one_after_another_each_see_what_they_lack_and_then_the_same():
    log = EventLog()
    log.append("marker", id=1)
    feed, first, second = Feed(LogSource(log), 0), Seen(), Seen()
    assert feed.join(first, 0)
    await turn()
    assert not feed.join(second, 0)  # it is further: the second one reads on by itself
    assert feed.join(second, 1)
    log.append("marker", id=2)
    log.append("session_stopped", reason="client")
    log.close()
    await turn()
    assert (first.numbers, second.numbers) == ([1, 2, 3], [2, 3])
    assert (first.whole, second.whole, feed.over) == (True, True, True)
    assert not feed.join(Seen(), 3)


async def test_a_viewer_that_has_read_further_than_the_feed_sees_nothing_twice():
    log = EventLog()
    for number in range(3):
        log.append("marker", id=number)
    feed, seen = Feed(LogSource(log), 0), Seen()
    assert feed.join(seen, 2)
    await turn()
    assert seen.numbers == [3]


async def test_an_event_that_is_not_stored_yet_is_shown_to_nobody():
    log = EventLog(held=True)
    log.append("marker", id=1)
    source = LogSource(log)
    feed, seen = Feed(source, 0), Seen()
    feed.join(seen, 0)
    await turn()
    assert (seen.numbers, await source.after(0, 9)) == ([], [])
    log.release(1)
    await turn()
    assert (seen.numbers, len(await source.after(0, 9))) == ([1], 1)


async def test_a_withdrawn_or_moved_session_ends_its_viewers_as_not_whole():
    for ending in (lambda log: log.append("session_stopped", reason="withdrawn"), lambda log: None):
        log = EventLog()
        log.append("marker", id=1)
        feed, seen = Feed(LogSource(log), 0), Seen()
        feed.join(seen, 0)
        ending(log)
        log.close()
        await turn()
        assert seen.whole is False


async def test_the_last_one_who_leaves_ends_the_feed():
    feed, one, other = Feed(LogSource(EventLog()), 0), Seen(), Seen()
    feed.join(one, 0)
    feed.join(other, 0)
    feed.leave(one)
    assert not feed.over
    feed.leave(other)
    await turn()
    assert feed.over


async def test_an_error_of_our_own_ends_the_viewers_and_is_logged_without_a_word(caplog):
    class Broken(LogSource):
        async def follow(self, seq):
            yield b'{"type":"marker","seq":1}'
            raise ValueError("a patient's words")

    feed, seen = Feed(Broken(EventLog()), 0), Seen()
    feed.join(seen, 0)
    await turn()
    assert seen.whole is False
    assert "ValueError" in caplog.text
    assert "words" not in caplog.text
