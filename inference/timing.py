"""How long each stage of a chunk took. The client, Prometheus and the benchmarks read the same object. Pure."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Timings:
    """Milliseconds that one chunk spent in each stage; `received_at` is the Unix time of its arrival, also in ms."""

    received_at: float = field(default_factory=lambda: time.time() * 1000)
    vad_ms: float = 0.0
    queue_ms: float = 0.0
    asr_ms: float = 0.0
    extract_ms: float = 0.0
    total_ms: float = 0.0
    _received: float = field(default_factory=time.monotonic)

    def elapsed_ms(self) -> float:
        """Milliseconds since the chunk arrived."""
        return (time.monotonic() - self._received) * 1000

    def stamped(self, **stages: float) -> "Timings":
        """A copy in which the given milliseconds are added to their stages and `total_ms` is the time since arrival."""
        return Timings(
            self.received_at,
            self.vad_ms + stages.get("vad_ms", 0.0),
            self.queue_ms + stages.get("queue_ms", 0.0),
            self.asr_ms + stages.get("asr_ms", 0.0),
            self.extract_ms + stages.get("extract_ms", 0.0),
            self.elapsed_ms(),
            self._received,
        )

    def as_dict(self) -> dict[str, float]:
        return {
            "received_at": round(self.received_at, 1),
            "vad_ms": round(self.vad_ms, 2),
            "queue_ms": round(self.queue_ms, 2),
            "asr_ms": round(self.asr_ms, 2),
            "extract_ms": round(self.extract_ms, 2),
            "total_ms": round(self.total_ms, 2),
        }
