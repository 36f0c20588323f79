"""Traces, as the SDK's in-memory exporter gets them."""

import sys

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from inference.timing import Timings
from inference.transcript import Segment
from inference.updates import Extracted, Progress, TranscriptUpdate
from server.monitoring.metrics import Metrics
from server.monitoring.traces import SessionTrace, Untraced, exporting, provider
from server.monitoring.watching import watching
from server.runtime import bound
from server.settings import Settings, SettingsError
from tests.support.fakes import speech
from tests.support.live import serving

WORDS = "Zebulon has a cough"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traced(exporter) -> Metrics:
    """Metrics through which every session is traced."""
    tracer = provider(SimpleSpanProcessor(exporter)).get_tracer("test")
    metrics = Metrics()
    metrics.trace = lambda: SessionTrace(tracer)
    return metrics


def by_name(exporter: InMemorySpanExporter) -> dict[str, list]:
    found: dict[str, list] = {}
    for span in exporter.get_finished_spans():
        found.setdefault(span.name, []).append(span)
    return found


def test_the_stages_of_a_chunk_have_their_lengths_and_lie_within_its_way(exporter, traced):
    trace = traced.trace()
    timings = Timings(received_at=1_000_000.0, vad_ms=5, queue_ms=20, asr_ms=150, total_ms=400)
    trace.observe(TranscriptUpdate(Segment("s1", "patient", 1.0, 3.5, WORDS, True), timings))
    trace.observe(Progress(3.5, 400.0))
    trace.end("client")
    spans = {name: span for name, (span,) in by_name(exporter).items()}
    assert spans.keys() == {"session", "chunk", "vad", "queue", "asr"}
    ms = {name: ((s.start_time - 1e12) / 1e6, (s.end_time - 1e12) / 1e6) for name, s in spans.items()}
    assert [ms[name] for name in ("chunk", "vad", "queue", "asr")] == [(0, 400), (0, 5), (230, 250), (250, 400)]
    chunk, session = spans["chunk"], spans["session"]
    assert {spans[name].parent.span_id for name in ("vad", "queue", "asr")} == {chunk.context.span_id}
    assert chunk.parent.span_id == session.context.span_id
    assert dict(chunk.attributes) == {"final": True, "audio_s": 2.5}
    assert dict(session.attributes) == {"reason": "client"}


def test_a_request_to_an_extractor_is_a_span_of_its_length(exporter, traced):
    trace = traced.trace()
    trace.observe(Extracted("vllm", "failed", 3, 1200.0))
    (span,) = by_name(exporter)["extraction"]
    assert span.end_time - span.start_time == 1_200_000_000
    assert dict(span.attributes) == {"extractor": "vllm", "outcome": "failed", "new_segments": 3}


async def test_a_consultation_is_one_trace_without_ids_and_words(exporter, traced):
    async with serving(metrics=traced) as server, server.connect() as client:
        started = await client.start(patient={"name": "Zebulon", "history": WORDS})
        await client.say(speech((1.0, 0.5), (2.0, 0)))
        await client.hear("extraction")
        await client.finish()
    spans = by_name(exporter)
    assert {"session", "chunk", "vad", "queue", "asr", "extraction"} <= spans.keys()
    assert len({span.context.trace_id for each in spans.values() for span in each}) == 1
    text = " ".join(span.to_json() for each in spans.values() for span in each)
    final = next(event["segment"]["text"] for event in client.events if event["type"] == "transcript")
    for word in ("Zebulon", final, started["session_id"], started["resume_token"]):
        assert word not in text
    assert '"service.name": "drtranscribe"' in text


async def test_without_an_address_nothing_is_traced():
    async with exporting(None) as begin:
        assert begin is Untraced
        begin().observe(Progress(1.0, 1.0))
        begin().end("client")


async def test_spans_are_sent_to_the_address_as_otlp():
    bodies = []

    async def taken(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", taken)
    async with TestServer(app) as collector:
        async with exporting(str(collector.make_url("/v1/traces"))) as begin:
            begin().end("client")
        assert bodies, "what is left is sent before the server ends"
    assert b"drtranscribe" in b"".join(bodies)


async def test_traces_without_the_extra_are_refused_with_a_sentence_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsError, match=r"--otlp-url: .*pip install 'drtranscribe\[otel\]'"):
        async with watching(Settings(otlp_url="http://127.0.0.1:4318/v1/traces"), Metrics(), bound):
            raise AssertionError
