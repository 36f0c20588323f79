"""Prometheus metrics. Labels come from fixed sets: never a session's id, a patient's word or name."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from inference.timing import Timings
from inference.updates import ExtractionUpdate, Fault, Progress, TranscriptUpdate, Update

# Dense around the 3 s of one chunk: beyond it the server falls behind the speaker.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0)
STAGES = ("vad", "queue", "asr", "extract", "total")


class Metrics:
    """One server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.sessions = Gauge("drtranscribe_sessions", "Sessions that are open", registry=r)
        self.connections = Gauge("drtranscribe_connections", "WebSockets that are attached to a session", registry=r)
        self.sessions_ended = Counter("drtranscribe_sessions_ended", "Sessions that ended", ["reason"], registry=r)
        self.refused = Counter("drtranscribe_refused", "Connections that were refused", ["code"], registry=r)
        self.resumed = Counter("drtranscribe_resumed", "Sessions taken up again", registry=r)
        self.audio_seconds = Counter("drtranscribe_audio_seconds", "Audio received", registry=r)
        self.chunks = Counter("drtranscribe_chunks", "Audio frames received", registry=r)
        self.segments = Counter("drtranscribe_segments", "Segments sent", ["kind"], registry=r)
        self.finding_operations = Counter("drtranscribe_finding_operations", "Findings sent", ["op"], registry=r)
        self.errors = Counter("drtranscribe_errors", "Error events sent", ["code"], registry=r)
        self.batch_size = Histogram("drtranscribe_asr_batch_size", "Spans in a batch", buckets=range(1, 17), registry=r)
        self.stage_seconds = Histogram(
            "drtranscribe_stage_seconds", "A chunk's time in each stage", ["stage"], buckets=SECONDS, registry=r
        )
        self.lag_seconds = Histogram(
            "drtranscribe_lag_seconds", "From a chunk's arrival to the end of its work", buckets=SECONDS, registry=r
        )

    def observe(self, update: Update) -> None:
        match update:
            case TranscriptUpdate(segment, timings):
                self.segments.labels("final" if segment.final else "partial").inc()
                self._stages(timings, ("vad", "queue", "asr", "total"))
            case ExtractionUpdate(_, operations, timings):
                for operation in operations:
                    self.finding_operations.labels(operation.op).inc()
                self._stages(timings, ("extract",))
            case Progress(_, lag_ms):
                self.lag_seconds.observe(lag_ms / 1000)
            case Fault(code, _):
                self.errors.labels(code).inc()
            case _:
                pass

    def observe_batch(self, size: int) -> None:
        self.batch_size.observe(size)

    def text(self) -> bytes:
        """The exposition format that Prometheus reads."""
        return generate_latest(self.registry)

    def _stages(self, timings: Timings, stages: tuple[str, ...]) -> None:
        for stage in stages:
            self.stage_seconds.labels(stage).observe(getattr(timings, f"{stage}_ms") / 1000)
