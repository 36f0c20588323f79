"""Prometheus metrics. Labels come from fixed sets: never a session's id, a patient's word or name."""

from typing import Protocol, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from inference.findings import Op
from inference.updates import (
    ExtractionUpdate,
    Fault,
    Notice,
    NoticeCode,
    Progress,
    TranscriptUpdate,
    Ungrounded,
    Update,
)

# Dense around the 3 s of one chunk: beyond it the server falls behind the speaker.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0)
BATCHES = (*range(1, 9), 12, 16, 24, 32, 48, 64, 128, 256)
"""Exact where a CPU works, and up to the largest `--asr-max-batch`."""

STAGES = ("vad", "queue", "asr", "extract", "total")


class Guarded(Protocol):
    """The door of the server, as far as its gauges need it."""

    @property
    def held_bytes(self) -> int: ...

    def __len__(self) -> int: ...


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
        self.resumed = Counter("drtranscribe_resumed", "Sessions taken up again", registry=r)
        self.audio_seconds = Counter("drtranscribe_audio_seconds", "Audio received", registry=r)
        self.chunks = Counter("drtranscribe_chunks", "Audio frames received", registry=r)
        self.segments = Counter("drtranscribe_segments", "Segments sent", ["kind"], registry=r)
        self.finding_operations = Counter("drtranscribe_finding_operations", "Findings sent", ["op"], registry=r)
        self.ungrounded = Counter(
            "drtranscribe_ungrounded", "Findings of an extractor that no final proves: dropped", registry=r
        )
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
        self.store_seconds = Histogram(
            "drtranscribe_store_seconds", "For the store to take events", buckets=SECONDS, registry=r
        )
        self.store_outages = Counter("drtranscribe_store_outages", "Sessions that the store fell behind", registry=r)
        # Looked up once: `labels` takes a lock and builds a key, and every chunk passes here several times.
        self._segments = {final: self.segments.labels("final" if final else "partial") for final in (True, False)}
        self._operations = {op: self.finding_operations.labels(op) for op in get_args(Op)}
        self._notices = {code: self.notices.labels(code) for code in get_args(NoticeCode)}
        self._stage = {stage: self.stage_seconds.labels(stage) for stage in STAGES}

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

    def observe_extractor(self, name: str, up: bool) -> None:
        self.extractor_up.labels(name).set(up)

    def observe_store(self, seconds: float | None) -> None:
        """What one write to the store took; None where a session goes on without it."""
        if seconds is None:
            self.store_outages.inc()
        else:
            self.store_seconds.observe(seconds)

    def observe_batch(self, size: int) -> None:
        self.batch_size.observe(size)

    def observe_out_of_memory(self) -> None:
        self.out_of_memory.inc()

    def text(self) -> bytes:
        """The exposition format that Prometheus reads."""
        return generate_latest(self.registry)
