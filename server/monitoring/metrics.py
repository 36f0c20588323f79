"""Prometheus metrics. Labels come from fixed sets: never a session's id, a patient's word or name."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, get_args, runtime_checkable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from inference.findings import Op
from inference.updates import (
    Extracted,
    ExtractionUpdate,
    Fault,
    Notice,
    NoticeCode,
    Omissions,
    Progress,
    TranscriptUpdate,
    Ungrounded,
    Update,
)
from server.monitoring.traces import Trace, Untraced

# Dense around the 3 s of one chunk: beyond it the server falls behind the speaker.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0)
BATCHES = (*range(1, 9), 12, 16, 24, 32, 48, 64, 128, 256)
"""Exact where a CPU works, and up to the largest `--asr-max-batch`."""

STAGES = ("vad", "queue", "asr", "extract", "total")

DEADLINE_S = 3.0
"""A chunk of 3 s, the default of our clients, is late when its work ends later than this after its arrival."""

STORE_SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Dense around the 5 ms that writing an event may take at p95."""

REFUSALS = ("full", "not_ready", "audit_unavailable", "too_many_connections", "too_many_bytes", "malformed_request")
"""Codes that alert rules name: they are there from the start, so that the first refusal is an increase."""

COUNTED = {
    "drtranscribe_second_tries": "Spans that were decoded again: in another language, with more silence, or in part",
    "drtranscribe_prompt_tokens": "Tokens of the prompts that the extraction model was sent",
    "drtranscribe_cached_prompt_tokens": "Those of them that its prefix cache held, as far as it tells",
}
"""Counters that the engines keep as plain numbers, since `inference` knows nothing of Prometheus."""


class Guarded(Protocol):
    """The door of the server, as far as its gauges need it."""

    @property
    def held_bytes(self) -> int: ...

    def __len__(self) -> int: ...


@runtime_checkable
class Prompted(Protocol):
    """An extractor that counts the tokens of its prompts."""

    prompt_tokens: int
    cached_tokens: int


class _Counted(Collector):
    """Reads counters from whoever keeps them; those that nobody keeps stay at 0."""

    def __init__(self, sources: Mapping[str, Callable[[], float]]) -> None:
        self._sources = sources

    def collect(self) -> Iterable[CounterMetricFamily]:
        for name, described in COUNTED.items():
            source = self._sources.get(name)
            yield CounterMetricFamily(name, described, value=source() if source is not None else 0)


def _running_tasks() -> int:
    with suppress(RuntimeError):  # whoever reads the metrics outside of an event loop
        return len(asyncio.all_tasks())
    return 0


class Metrics:
    """One server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.sessions = Gauge("drtranscribe_sessions", "Sessions that are open", registry=r)
        self.capacity = Gauge("drtranscribe_capacity", "Sessions that may be open at once", registry=r)
        self.connections = Gauge("drtranscribe_connections", "WebSockets that are attached to a session", registry=r)
        self.sessions_ended = Counter("drtranscribe_sessions_ended", "Sessions that ended", ["reason"], registry=r)
        self.refused = Counter("drtranscribe_refused", "Connections that were refused", ["code"], registry=r)
        self.records_refused = Counter(
            "drtranscribe_records_refused", "Records that were asked for and not given", ["code"], registry=r
        )
        self.accept_failures = Counter(
            "drtranscribe_accept_failures", "Connections that were not accepted for want of a descriptor", registry=r
        )
        self.waiting_bytes = Gauge(
            "drtranscribe_waiting_bytes", "Bytes held for connections without a session", registry=r
        )
        self.open_connections = Gauge("drtranscribe_open_connections", "Connections of every kind", registry=r)
        self.unread = Counter("drtranscribe_unread", "Connections cut since their client did not read", registry=r)
        self.viewers = Gauge("drtranscribe_viewers", "Viewers that watch a session", registry=r)
        self.viewers_refused = Counter(
            "drtranscribe_viewers_refused", "Viewers that were not let in", ["code"], registry=r
        )
        self.viewers_cut = Counter("drtranscribe_viewers_cut", "Viewers cut since they did not read", registry=r)
        self.resumed = Counter("drtranscribe_resumed", "Sessions taken up again", registry=r)
        self.audio_seconds = Counter("drtranscribe_audio_seconds", "Audio received", registry=r)
        self.files = Counter("drtranscribe_files", "Recordings that were transcribed", registry=r)
        self.file_seconds = Counter(
            "drtranscribe_file_seconds",
            "Audio of recordings that was transcribed, those under way included",
            registry=r,
        )
        self.chunks = Counter("drtranscribe_chunks", "Audio frames received", registry=r)
        self.segments = Counter("drtranscribe_segments", "Segments sent", ["kind"], registry=r)
        self.finding_operations = Counter("drtranscribe_finding_operations", "Findings sent", ["op"], registry=r)
        self.ungrounded = Counter(
            "drtranscribe_ungrounded", "Findings of an extractor that no final proves: dropped", registry=r
        )
        self.omissions = Counter("drtranscribe_omissions", "Things said and not noted that were offered", registry=r)
        self.extractor_up = Gauge(
            "drtranscribe_extractor_up", "1 while the server of an extractor answers", ["extractor"], registry=r
        )
        self.errors = Counter("drtranscribe_errors", "Error events sent", ["code"], registry=r)
        self.notices = Counter("drtranscribe_notices", "Notice events sent", ["code"], registry=r)
        self.batch_size = Histogram("drtranscribe_asr_batch_size", "Spans in a batch", buckets=BATCHES, registry=r)
        self.batch_limit = Gauge(
            "drtranscribe_asr_batch_limit", "Most spans in a batch, of the kind that memory limits most", registry=r
        )
        self.out_of_memory = Counter(
            "drtranscribe_asr_out_of_memory", "Batches that did not fit into the device's memory", registry=r
        )
        self.stage_seconds = Histogram(
            "drtranscribe_stage_seconds", "A chunk's time in each stage", ["stage"], buckets=SECONDS, registry=r
        )
        self.lag_seconds = Histogram(
            "drtranscribe_lag_seconds", "From a chunk's arrival to the end of its work", buckets=SECONDS, registry=r
        )
        self.late_chunks = Counter(
            "drtranscribe_late_chunks",
            f"Chunks whose work ended more than {DEADLINE_S:g} s after they came",
            registry=r,
        )
        self.extraction_seconds = Histogram(
            "drtranscribe_extraction_seconds",
            "One request to an extractor",
            ["extractor", "outcome"],
            buckets=SECONDS,
            registry=r,
        )
        self.segments_read = Counter(
            "drtranscribe_segments_read", "Final segments that an extractor has answered for", ["extractor"], registry=r
        )
        self.store_seconds = Histogram(
            "drtranscribe_store_seconds", "Writing an event to the store", buckets=STORE_SECONDS, registry=r
        )
        self.store_outages = Counter("drtranscribe_store_outages", "Sessions that the store fell behind", registry=r)
        self.audit_up = Gauge(
            "drtranscribe_audit_up", "1 while the audit trail can be written, or where there is none", registry=r
        )
        self.audit_up.set(1)
        self.tasks = Gauge("drtranscribe_tasks", "Tasks of the event loop that have not ended", registry=r)
        self.tasks.set_function(_running_tasks)
        self.trace: Callable[[], Trace] = Untraced
        """Begins the trace of a session, which observes the same updates."""
        self._sources: dict[str, Callable[[], float]] = {}
        r.register(_Counted(self._sources))
        # Looked up once: `labels` takes a lock and builds a key, and every chunk passes here several times.
        self._segments = {final: self.segments.labels("final" if final else "partial") for final in (True, False)}
        self._operations = {op: self.finding_operations.labels(op) for op in get_args(Op)}
        self._notices = {code: self.notices.labels(code) for code in get_args(NoticeCode)}
        self._stage = {stage: self.stage_seconds.labels(stage) for stage in STAGES}
        for code in REFUSALS:
            self.refused.labels(code)
        for code in ("asr_failed", "extraction_unavailable", "engine_failed"):
            self.errors.labels(code)

    def observe(self, update: Update) -> None:
        match update:
            case TranscriptUpdate(segment, timings):
                self._segments[segment.final].inc()
                self._stage["vad"].observe(timings.vad_ms / 1000)
                self._stage["queue"].observe(timings.queue_ms / 1000)
                self._stage["asr"].observe(timings.asr_ms / 1000)
                self._stage["total"].observe(timings.total_ms / 1000)
            case ExtractionUpdate(_, operations, timings):
                for operation in operations:
                    self._operations[operation.op].inc()
                self._stage["extract"].observe(timings.extract_ms / 1000)
            case Progress(_, lag_ms):
                self.lag_seconds.observe(lag_ms / 1000)
                if lag_ms > DEADLINE_S * 1000:
                    self.late_chunks.inc()
            case Extracted(extractor, outcome, new_segments, duration_ms):
                self.extraction_seconds.labels(extractor, outcome).observe(duration_ms / 1000)
                if outcome == "answered":
                    self.segments_read.labels(extractor).inc(new_segments)
            case Omissions(items):
                self.omissions.inc(len(items))
            case Ungrounded(count):
                self.ungrounded.inc(count)
            case Fault(code, _):
                self.errors.labels(code).inc()
            case Notice(notice_code, _):
                self._notices[notice_code].inc()
            case _:
                pass

    def watch_door(self, door: Guarded) -> None:
        self.waiting_bytes.set_function(lambda: door.held_bytes)
        self.open_connections.set_function(lambda: len(door))

    def watch_engines(self, second_tries: Callable[[], int], extractors: Sequence[object]) -> None:
        """Reads from now on what the recogniser and the extractors count."""
        prompted = [extractor for extractor in extractors if isinstance(extractor, Prompted)]
        self._sources |= {
            "drtranscribe_second_tries": second_tries,
            "drtranscribe_prompt_tokens": lambda: sum(extractor.prompt_tokens for extractor in prompted),
            "drtranscribe_cached_prompt_tokens": lambda: sum(extractor.cached_tokens for extractor in prompted),
        }

    def observe_extractor(self, name: str, up: bool) -> None:
        self.extractor_up.labels(name).set(up)

    def observe_store(self, seconds: float | None) -> None:
        """What one write to the store took; None where a session goes on without it."""
        if seconds is None:
            self.store_outages.inc()
        else:
            self.store_seconds.observe(seconds)

    def observe_audit(self, up: bool) -> None:
        self.audit_up.set(up)

    def observe_batch(self, size: int) -> None:
        self.batch_size.observe(size)

    def observe_out_of_memory(self) -> None:
        self.out_of_memory.inc()

    def text(self) -> bytes:
        """The exposition format that Prometheus reads."""
        return generate_latest(self.registry)
