import asyncio

import pytest

from server.socket.peer import Peer


class StillSocket:
    closed = False

    def __init__(self):
        self.pings = 0

    async def ping(self):
        self.pings += 1


@pytest.mark.parametrize(("listening", "cut"), [(True, True), (False, False)])
async def test_a_ping_without_an_answer_counts_for_as_long_as_the_server_listens(listening, cut):
    ws = StillSocket()
    peer = Peer(ws, 30.0)
    now = peer._checked_at
    peer.listening = listening
    looks = [peer.stopped(now + second) for second in range(47)]  # the ping goes out after 15 s
    await asyncio.sleep(0)
    assert (looks[:46], looks[46], ws.pings) == ([False] * 46, cut, 1)
    peer.answered()
    assert not peer.stopped(now + 47)
    await asyncio.sleep(0)
    assert ws.pings == 2, "and goes on asking"


async def test_a_server_that_stood_still_itself_looks_again_before_it_blames_a_client():
    peer = Peer(StillSocket(), 30.0)
    now = peer._checked_at
    peer.stopped(now + 15)
    assert not peer.stopped(now + 1000)
    peer.answered()
    assert not peer.stopped(now + 1001)
