"""Whole consultations over the WebSocket, with a real model at the end."""

import asyncio

from benchmarks.vllm import counters as vllm_counters
from inference.config import EngineConfig
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from tests.support.live import Server, serving
from tests.support.speech import chunks, pcm
from tests.vllm.consultations import DIALOGUES
from tests.vllm.speaking import WAITING, LineAsr, pipeline
from tests.vllm.waiting import until
from tests.vllm.watched import Watched

SESSIONS = 8
LINES = [[line[3:] for line in dialogue[:5]] for dialogue in DIALOGUES[:SESSIONS]]


async def consult(server: Server, asr: LineAsr, model: Watched, lines: list[str]) -> list[dict]:
    """One whole session: its events."""

    async def read() -> bool:
        return model.read(lines[0]) == len(lines)

    async with server.connect() as client:
        await client.start()
        for line in lines:
            await client.say(asr.spoken(line))
        await until(read)
        await client.finish()
    assert [text for *_, text in client.finals()] == lines
    return client.events


async def test_eight_sessions_at_once_are_each_read_to_their_end(vllm):
    asr, model = LineAsr([line for lines in LINES for line in lines]), Watched(vllm.url)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, (await vllm_counters.read(vllm.root)).running)
            await asyncio.sleep(0.2)

    async with serving(pipeline(asr, model), max_sessions=SESSIONS, **WAITING) as server:
        watching = asyncio.create_task(watch())
        try:
            sessions = await asyncio.gather(*(consult(server, asr, model, lines) for lines in LINES))
        finally:
            watching.cancel()
    assert most > SESSIONS // 2, "they hardly met"
    for lines, events in zip(LINES, sessions, strict=True):
        assert [event for event in events if event["type"] == "error"] == []
        findings = [op["finding"] for event in events if event["type"] == "extraction" for op in event["ops"]]
        quotes = [quote["quote"] for finding in findings for quote in finding["evidence"]]
        assert all(any(quote in line for line in lines) for quote in quotes), "words of another session"


async def test_the_sample_through_real_engines_is_read_to_its_end_and_proved_by_its_words(
    vllm, vad, tiny, consultation
):
    model = Watched(vllm.url)
    pipeline = Pipeline(vad, tiny, [RulesExtractor(), model], EngineConfig())
    async with serving(pipeline, **WAITING) as server, server.connect() as client:
        await client.start()
        for chunk in chunks(pcm(consultation), 96_000):
            await client.say(chunk)
            await client.hear("progress")
        await client.say({"type": "pause_session"})  # commits the last segment
        await client.hear("session_paused")
        finals = [text for *_, text in client.finals() if text]

        async def read() -> bool:
            return model.read(finals[0]) == len(finals)

        await until(read)
        await client.finish()
    said = {
        event["segment"]["id"]: event["segment"]["text"] for event in client.events if event["type"] == "transcript"
    }
    quotes = [
        quote
        for event in client.events
        if event["type"] == "extraction"
        for op in event["ops"]
        for quote in op["finding"]["evidence"]
    ]
    assert quotes
    assert all(said[quote["segment"]][quote["start"] : quote["end"]] == quote["quote"] for quote in quotes)
