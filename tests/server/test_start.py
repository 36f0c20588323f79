"""What a server does between its command and its first session."""

import asyncio
import gc
import threading

import aiohttp
import pytest

from inference.extraction import tables
from inference.pipeline import Pipeline
from server import runtime as engines
from server.sessions import garbage
from server.settings import Settings
from tests.support.fakes import LevelAsr, LoudnessVad


@pytest.fixture
def thawed():
    """What a server freezes is given back to the collector."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


async def test_the_port_refuses_until_the_tables_are_loaded_in_a_thread_and_then_answers_while_engines_warm_up(
    monkeypatch, thawed
):
    loading, go, warm = threading.Event(), threading.Event(), threading.Event()
    settled = []

    def load():
        assert threading.current_thread() is not threading.main_thread()
        loading.set()
        assert go.wait(60)

    class Waiting(LevelAsr):
        def transcribe(self, requests, mels=None):
            assert warm.wait(60)
            return super().transcribe(requests)

    def build(settings, *observers):
        return Pipeline(LoudnessVad(), Waiting(), engines._extractors(settings))

    monkeypatch.setattr(tables, "load", load)
    monkeypatch.setattr(engines, "build_pipeline", build)
    monkeypatch.setattr(garbage, "settle", lambda: settled.append(threading.current_thread()))
    with engines.bound("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    started = engines.running(Settings(port=port, shutdown_grace_s=0))
    entering = asyncio.create_task(started.__aenter__())
    try:
        assert await asyncio.to_thread(loading.wait, 60)
        async with aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.ClientConnectorError):
                await http.get(f"http://127.0.0.1:{port}/health/live")
            assert not settled
            go.set()
            server = await entering
            assert len(settled) == 1
            async with (
                http.get(f"{server.address}health/live") as live,
                http.get(f"{server.address}health/ready") as ready,
            ):
                assert (live.status, ready.status) == (200, 503)
            warm.set()
            await asyncio.shield(server.warm)
            async with http.get(f"{server.address}health/ready") as ready:
                assert ready.status == 200
    finally:  # or a test that fails would leave its port and its threads to the next one
        go.set()
        warm.set()
        await entering
        await started.__aexit__(None, None, None)
