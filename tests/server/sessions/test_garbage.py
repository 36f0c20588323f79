import asyncio
import platform
import threading

from server.sessions import garbage, watch
from tests.support.fakes import speech
from tests.support.live import serving


def test_glibc_can_give_memory_back():
    assert garbage.give_back() is (platform.libc_ver()[0] == "glibc")


async def test_memory_is_given_back_in_a_thread_when_a_session_has_ended_and_again_when_it_is_forgotten(monkeypatch):
    given = asyncio.Queue()
    loop, main = asyncio.get_running_loop(), threading.get_ident()

    def give_back():
        assert threading.get_ident() != main
        loop.call_soon_threadsafe(given.put_nowait, None)

    monkeypatch.setattr(watch, "GIVE_BACK_S", 0.0)
    monkeypatch.setattr(garbage, "give_back", give_back)
    async with serving(resume_ttl_s=0.2, retention=0.2) as server, server.connect() as client, asyncio.timeout(30):
        await client.start()
        await client.say(speech((1.0, 0.5), (1.0, 0)))
        await client.hear("progress")
        assert given.empty(), "nothing has ended"
        await client.finish()
        await given.get()
        await given.get()
