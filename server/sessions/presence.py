"""The bounds of a session, and whether its client is still there."""

from dataclasses import dataclass, field

from server.sessions.patience import patience

PAUSE_LIMIT_S = 1800.0
"""A paused session may be silent for this long: half an hour, for an examination or a call."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one session; see server/settings.py."""

    queue_chunks: int
    idle_timeout_s: float
    max_session_s: float
    resume_ttl_s: float
    first_audio_timeout_s: float = 10.0
    retention_s: float | None = None
    """How long an ended session is kept; None for `resume_ttl_s`."""


@dataclass(slots=True)
class Presence:
    """When the client of a session was last heard, and for how long it may be silent. Times are those of `patience`."""

    limits: Limits
    paused: bool = False
    opened_at: float = field(default_factory=lambda: patience.now())
    heard_at: float = field(default_factory=lambda: patience.now())

    def heard(self) -> None:
        self.heard_at = patience.now()

    def is_over(self, now: float, *, attached: bool, audio: bool) -> bool:
        """Whether nothing came, or nobody resumed the session, for too long. `audio`: some had come before."""
        return now - self.heard_at > self._most_s(attached, audio)

    def is_late(self, now: float) -> bool:
        """Whether the first audio should have come by now."""
        return now - self.opened_at > self.limits.first_audio_timeout_s

    def _most_s(self, attached: bool, audio: bool) -> float:
        limits = self.limits
        if not attached:
            return limits.resume_ttl_s if audio else min(limits.resume_ttl_s, limits.first_audio_timeout_s)
        return max(limits.idle_timeout_s, PAUSE_LIMIT_S) if self.paused else limits.idle_timeout_s
