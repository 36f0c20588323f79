"""A consultation whose model server misbehaves over real HTTP: nothing said is lost, nothing is made up."""

import asyncio
import json
from collections import Counter

import pytest
from aiohttp import web

from inference.asr.hypothesis import Hypothesis
from inference.audio.decoding import AudioFormat
from inference.extraction.live import LiveExtraction
from inference.extraction.llm.client import VllmExtractor
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from inference.stream import Control, StreamOptions
from inference.timing import Timings
from inference.updates import Drained, ExtractionUpdate, Fault, MarkerReached, Progress, TranscriptUpdate, Update
from tests.support.fakes import ONE_PAUSE, LevelAsr, LoudnessVad, speech
from tests.support.live import until
from tests.support.model_server import (
    Handler,
    addition,
    answers,
    as_json,
    completion,
    retraction,
    serving_model,
    silent,
)

LINES = {30: "I have a bad headache since Monday.", 40: "No fever.", 50: "I take ramipril 5 mg every morning."}
TALK = [speech((1.5, level / 100), (1.5, 0)) for level in LINES]
RULES = {("headache", "present"), ("fever", "absent"), ("ramipril", "present")}


class LineAsr(LevelAsr):
    """Hears the line that stands for a loudness."""

    def transcribe(self, requests, mels=None):
        super().transcribe(requests, mels)
        levels = [round(100 * float(abs(request.audio).max())) for request in requests]
        return [Hypothesis(LINES.get(level, ""), "en") for level in levels]


async def half(request: web.Request) -> web.StreamResponse:
    text = json.dumps(completion({"operations": [addition("s1", "a bad headache")]})).encode()
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(text))})
    await response.prepare(request)
    await response.write(text[: len(text) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


async def endless_space(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.001)


async def endless_tokens(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"choices":[{"message":{"content":"')
    while True:
        await response.write(b"pain " * 1000)


INVENTIONS = answers(
    addition("s99", "a tumour in the lung", kind="diagnosis", text="lung cancer"),
    addition("s1", "severe chest pain", text="chest pain"),
    addition("s1", "", text="cough") | {"evidence": [{"segment": "s1", "quote": "?"}]},
    addition("s3", "I take ramipril 10 mg", kind="medication", text="ramipril"),
    addition("s3", "every morning", kind="medication", text="warfarin"),
    addition(
        "s1", "since Monday", kind="medication", text="insulin", attributes=[{"name": "dose", "value": "40 units"}]
    ),
    addition("s1", "headaches", text="headaches"),
    {**addition("s1", "a bad headache"), "op": "update", "finding_id": "f77"},
    *(retraction(f"f{number}", "s2", "No fever") for number in range(1, 6)),
    retraction("f1", "s1", "I never had a headache"),
)

MISBEHAVIOURS: dict[str, tuple[Handler, str | None]] = {
    "rubbish": (lambda _: as_json(completion("Sure! The headache is a symptom.")), "structured outputs"),
    "html": (lambda _: asyncio.sleep(0, web.Response(text="<p>headache</p>", content_type="text/html")), "--vllm-url"),
    "half a JSON": (half, "start vLLM there"),
    "half an answer": (lambda _: as_json(completion('{"operations":[{"op":"add","evid')), "structured outputs"),
    "500": (lambda _: as_json({"error": {"message": "headache"}}, status=500), "read its log"),
    "nothing": (silent, "did not answer within 0.4 s"),
    "endless white space": (endless_space, "did not answer within 0.4 s"),
    "endless tokens": (endless_tokens, "--vllm-url must name"),
    "an answer cut at the limit": (
        lambda _: as_json(completion('{"operations":[', "length")),
        "disable_any_whitespace",
    ),
    "inventions": (INVENTIONS, None),
}


async def consult(pipeline: Pipeline, talk: list[bytes]) -> list[Update]:
    await pipeline.start()
    updates: list[Update] = []
    stream = pipeline.open("s", StreamOptions(AudioFormat()), updates.append)
    running = asyncio.create_task(stream.run())
    for number, chunk in enumerate(talk, 1):
        await stream.feed(chunk, Timings())
        await stream.control(Control("marker", number))
    await stream.control(Control("stop"))
    await running
    await pipeline.close()
    return updates


@pytest.mark.parametrize(("answer", "remedy"), MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_no_word_is_lost_nothing_is_made_up_and_the_fault_names_a_remedy(answer, remedy, monkeypatch):
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.0)
    async with serving_model(answer) as server:
        model = VllmExtractor(server.url, timeout_s=0.4)
        updates = await consult(Pipeline(LoudnessVad(), LineAsr(), [RulesExtractor(), model], ONE_PAUSE), TALK)
    finals = {u.segment.id: u.segment for u in updates if isinstance(u, TranscriptUpdate) and u.segment.final}
    assert [segment.text for segment in finals.values()] == list(LINES.values())
    assert sum(isinstance(update, Progress) for update in updates) == len(TALK)
    assert isinstance(updates[-1], Drained)
    live = {}
    for update in updates:
        for operation in update.operations if isinstance(update, ExtractionUpdate) else ():
            live[operation.finding.id] = operation.finding
            for e in operation.finding.evidence:
                assert finals[e.segment].text[e.start : e.end] == e.quote
            assert operation.op != "retract"
    assert {(finding.text, finding.status) for finding in live.values()} == RULES
    told = [update for update in updates if isinstance(update, Fault)]
    assert [fault.code for fault in told] == (["extraction_unavailable"] if remedy else [])
    for fault in told:
        assert remedy in fault.message
        assert fault.message.endswith("findings come from the rules meanwhile")
        assert not {"headache", "fever", "ramipril"} & set(fault.message.lower().split())


async def test_a_model_that_never_answers_holds_up_no_transcript_and_no_progress_and_the_end_comes(monkeypatch):
    monkeypatch.setattr(LiveExtraction.caught_up, "__defaults__", (0.1,))
    monkeypatch.setattr(LiveExtraction.finish, "__defaults__", (0.1, 0.0))
    gone = asyncio.Event()
    asked = asyncio.Event()

    async def blocked(_: web.Request) -> web.StreamResponse:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        raise AssertionError

    async with serving_model(blocked) as server:
        pipeline = Pipeline(LoudnessVad(), LineAsr(), [VllmExtractor(server.url)], ONE_PAUSE)
        await pipeline.start()
        updates: list[Update] = []
        stream = pipeline.open("s", StreamOptions(), updates.append)
        running = asyncio.create_task(stream.run())
        for number, chunk in enumerate(TALK, 1):
            await stream.feed(chunk, Timings())

            def shown(number: int = number) -> bool:
                kinds = Counter(type(u) for u in updates if not isinstance(u, TranscriptUpdate) or u.segment.final)
                return kinds[TranscriptUpdate] == kinds[Progress] == number

            await until(shown)  # the next words only when these are out: the model still holds the first request
            await asked.wait()
            assert len(server.bodies) == 1
        assert not gone.is_set()
        await stream.control(Control("marker", 1))
        await stream.control(Control("stop"))
        await running
        assert MarkerReached(1) in updates
        assert [u.code for u in updates if isinstance(u, Fault)] == ["extraction_late", "extraction_late"]
        await asyncio.wait_for(gone.wait(), 20)  # its place at the server is free
        await pipeline.close()


async def test_a_model_that_comes_back_reads_everything_that_was_said_meanwhile():
    asked = 0

    async def broken_then_well(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        if asked <= 3:
            return web.json_response({}, status=400)
        return web.json_response(completion({"operations": [addition("s3", "ramipril 5 mg", text="ramipril")]}))

    async with serving_model(broken_then_well) as server:
        updates = await consult(Pipeline(LoudnessVad(), LineAsr(), [VllmExtractor(server.url)], ONE_PAUSE), TALK)
        lines = "".join(server.bodies[-1]["messages"][1]["content"])
    assert all(line in lines for line in LINES.values())
    found = [op.finding.text for u in updates if isinstance(u, ExtractionUpdate) for op in u.operations]
    assert "ramipril" in found
