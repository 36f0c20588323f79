"""Whether audio arrives at a pace that only a wrong sample rate explains. Pure."""

from dataclasses import dataclass, field

JUDGED_S = 8.0
"""Seconds of audio, by the declared rate, that are judged together: told within 10 s of audio."""

FEWEST = 4
STEADY = 0.08
"""Chunks that are judged at least, and how far each may come from its time, as a part of the whole time: a live
microphone keeps one pace. Slow networks do not."""

NEAR = 0.025

SLOW = (1 / 2, 16_000 / 44_100, 1 / 3)
"""Paces of a microphone of half the declared rate, and of 16 kHz that were declared as 44.1 or 48 kHz."""

FAST = (44_100 / 8_000, 44_100 / 16_000, 22_050 / 16_000)
"""Paces that nobody plays a file at. Two and three times as fast is how recordings are sent, so these prove nothing."""

LONGEST_WAIT_S = 8.0
"""A longer wait between two chunks was a break, whatever their length."""


@dataclass(slots=True)
class Pace:
    """Counts what comes from one connection. Call `forget` where time was lost: a pause, a lost line, a queue."""

    told: bool = False
    _begun: float | None = None
    _audio_s: float = 0.0
    _last: float = 0.0
    _marks: list[tuple[float, float]] = field(default_factory=list)  # (seconds since the beginning, audio by then)

    def note(self, now: float, duration_s: float) -> str | None:
        """A chunk of `duration_s` that came `now`. What is to be told, once."""
        if self.told:
            return None
        if self._begun is None or now - self._last > LONGEST_WAIT_S:
            self.forget()
            self._begun = self._last = now  # its own length was spoken before
            return None
        self._last = now
        self._audio_s += duration_s
        self._marks.append((now - self._begun, self._audio_s))
        if self._audio_s < JUDGED_S:
            return None
        wall_s = now - self._begun
        pace = self._audio_s / wall_s if wall_s > 0 else 0.0
        wrong = any(abs(pace / known - 1) < NEAR for known in (*SLOW, *FAST))
        if wrong and self._steady(pace):
            self.told = True
            return _advice(pace)
        self.forget()
        return None

    def forget(self) -> None:
        self._begun, self._audio_s = None, 0.0
        self._marks.clear()

    def _steady(self, pace: float) -> bool:
        """Whether each chunk came when the pace says, within a part of the whole time."""
        allowed_s = STEADY * self._marks[-1][0]
        return len(self._marks) >= FEWEST and all(abs(audio_s / pace - at) < allowed_s for at, audio_s in self._marks)


def _advice(pace: float) -> str:
    speed = f"{pace:.2f} times as fast as it plays"
    side = "lower" if pace < 1 else "higher"
    return (
        f"the audio arrives {speed} at the sample rate that was declared: the microphone's rate seems to be {side}; "
        "set audio.sample_rate to it"
    )
