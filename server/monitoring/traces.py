"""OpenTelemetry traces: one for each session, with the way of each chunk and every request to an extractor.

Spans are made of what the stream emits anyway (`Timings`, `Extracted`), when it is known how long each stage took. So
tracing adds nothing to the path of a chunk, and no attribute can hold what was said: attributes are numbers, and names
from fixed sets. The id of a trace has nothing to do with the id of its session.

The only import of opentelemetry, which the extra `otel` installs.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

from inference.timing import Timings
from inference.updates import Extracted, TranscriptUpdate, Update

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Tracer

NOT_INSTALLED = "traces need the extra otel: pip install 'drtranscribe[otel]'"


class Trace(Protocol):
    """The trace of one session."""

    def observe(self, update: Update) -> None: ...

    def end(self, reason: str) -> None: ...


class Untraced:
    """What a session has where no traces are taken."""

    def observe(self, update: Update) -> None:
        return None

    def end(self, reason: str) -> None:
        return None


class SessionTrace:
    """A span for the session, from its start to its end, and below it one for each chunk's way and each request."""

    def __init__(self, tracer: "Tracer") -> None:
        from opentelemetry.trace import set_span_in_context

        self._tracer = tracer
        self._session = tracer.start_span("session")
        self._context = set_span_in_context(self._session)

    def observe(self, update: Update) -> None:
        match update:
            case TranscriptUpdate(segment, timings):
                self._chunk(timings, segment.final, segment.end - segment.start)
            case Extracted(extractor, outcome, new_segments, duration_ms):
                end = time.time_ns()
                span = self._tracer.start_span("extraction", self._context, start_time=end - _ns(duration_ms))
                span.set_attribute("extractor", extractor)
                span.set_attribute("outcome", outcome)
                span.set_attribute("new_segments", new_segments)
                span.end(end)

    def end(self, reason: str) -> None:
        self._session.set_attribute("reason", reason)
        self._session.end()

    def _chunk(self, timings: Timings, final: bool, audio_s: float) -> None:
        """From the chunk's arrival to its text. The stages have their true lengths; `queue` and `asr` stand at the end
        of the way, where they were, and `vad` at its beginning, although the chunk may have waited before it."""
        from opentelemetry.trace import set_span_in_context

        begin = _ns(timings.received_at)
        end = begin + _ns(timings.total_ms)
        chunk = self._tracer.start_span("chunk", self._context, start_time=begin)
        chunk.set_attribute("final", final)
        chunk.set_attribute("audio_s", round(audio_s, 2))
        asr_began = end - _ns(timings.asr_ms)
        inside = set_span_in_context(chunk)
        for name, began, ended in (
            ("vad", begin, begin + _ns(timings.vad_ms)),
            ("queue", asr_began - _ns(timings.queue_ms), asr_began),
            ("asr", asr_began, end),
        ):
            self._tracer.start_span(name, inside, start_time=began).end(ended)
        chunk.end(end)


def provider(processor: "SpanProcessor") -> "TracerProvider":
    """What makes tracers, with the name and the version of this server on every span."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    resource = Resource.create({"service.name": "drtranscribe", "service.version": version("drtranscribe")})
    made = TracerProvider(resource=resource)
    made.add_span_processor(processor)
    return made


@asynccontextmanager
async def exporting(url: str | None) -> AsyncIterator[Callable[[], Trace]]:
    """What begins the trace of a session, whose spans are sent to `url`. Raises ModuleNotFoundError without the extra.

    OpenTelemetry's own variables (OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, ..._CERTIFICATE) hold as usual.
    """
    if url is None:
        yield Untraced
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(NOT_INSTALLED, name=missing.name) from None
    made = provider(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    tracer = made.get_tracer("drtranscribe")
    try:
        yield lambda: SessionTrace(tracer)
    finally:
        await asyncio.to_thread(made.shutdown)


def _ns(milliseconds: float) -> int:
    return int(milliseconds * 1_000_000)
