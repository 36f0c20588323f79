import asyncio

from inference.audio.decoding import AudioFormat
from inference.stream import Control
from server.sessions.intake.inbox import Inbox
from server.sessions.intake.incoming import BareSamples

SECOND = BareSamples(AudioFormat(16_000)).read(bytes(32_000))


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_items_are_taken_in_the_order_in_which_they_came_also_by_those_who_waited_for_room():
    inbox = Inbox(1)
    items = [(SECOND, inbox.timed(100.0, 1.0, 1.0)), Control("marker", 1), Control("pause"), Control("stop")]
    senders = []
    for item in items:
        senders.append(asyncio.create_task(inbox.put(item)))
        await settle()
    assert [await inbox.take() for _ in items] == items
    await asyncio.gather(*senders)


async def test_who_waits_for_room_is_held_back_and_a_session_that_held_somebody_back_is_behind():
    inbox = Inbox(1)
    await inbox.put(Control("pause"))
    assert not inbox.behind
    waiting = asyncio.create_task(inbox.put(Control("continue")))
    await settle()
    assert inbox.held_back
    await inbox.take()
    await waiting
    assert not inbox.held_back
    assert inbox.behind, "what stood in the socket comes late, until it has been read"
    inbox.begin()
    assert not inbox.behind


async def test_what_is_dropped_makes_room():
    inbox = Inbox(1)
    await inbox.put(Control("pause"))
    inbox.drop()
    await asyncio.wait_for(inbox.put(Control("continue")), 60)
    assert await inbox.take() == Control("continue")
