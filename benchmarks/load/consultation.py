"""One consultation of a benchmark: what is said in it, what its client was told, and what differs between two runs."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.common.corpus import load, pcm
from benchmarks.common.pacing import cut, paced
from benchmarks.common.server_process import FAKES
from benchmarks.load.audio import SAMPLE
from drtranscribe import Consultation, ConsultationError
from drtranscribe.outbox import Outbox
from inference.config import SAMPLE_RATE

FRAME_S = 0.5
SHIFT_S = 17
"""Between the places at which two consultations begin in the sample."""

Event = dict[str, Any]


def spoken(model: str, number: int, seconds: float) -> bytes:
    """s16le for a model: the sample from another place for each number. For fakes, noise with pauses."""
    if model == FAKES:
        return conversation(number, seconds)
    sample, size = pcm(load(SAMPLE)), int(seconds * SAMPLE_RATE) * 2
    first = number * SHIFT_S * SAMPLE_RATE * 2 % len(sample)
    return (sample * (2 + size // len(sample)))[first : first + size]


def conversation(seed: int, seconds: float) -> bytes:
    """s16le of stretches of noise with pauses of all lengths between them; some stretches are too long for a final."""
    rng, draw = np.random.default_rng(seed), random.Random(seed)
    parts: list[np.ndarray[Any, Any]] = []
    total_s = 0.0
    while total_s < seconds:
        spoken_s, pause_s = draw.choice((0.6, 1.4, 2.5, 4.0, 14.0)), draw.choice((0.2, 0.5, 0.9, 1.5, 3.0))
        parts.append(0.2 * rng.standard_normal(int(spoken_s * SAMPLE_RATE)))
        parts.append(np.zeros(int(pause_s * SAMPLE_RATE)))
        total_s += spoken_s + pause_s
    samples = np.clip(np.concatenate(parts), -1, 1)[: int(seconds * SAMPLE_RATE)]
    return bytes((samples * 32767).astype("<i2").tobytes())


@dataclass(slots=True)
class Told:
    """What one client was told, folded as a page would."""

    events: list[Event] = field(default_factory=list)
    gaps_s: list[float] = field(default_factory=list)
    resumed_at: list[float] = field(default_factory=list)
    """The time.monotonic() of each `session_resumed`."""
    _at: float = field(default_factory=time.monotonic)

    def take(self, event: Event) -> None:
        self.events.append(event)
        self.gaps_s.append(time.monotonic() - self._at)
        self._at = time.monotonic()

    @property
    def session_id(self) -> str:
        return str(self.events[0]["session_id"])

    @property
    def finals(self) -> list[tuple[Any, ...]]:
        """In the order in which they came: a final that came twice stands there twice."""
        segments = [event["segment"] for event in self.events if event["type"] == "transcript"]
        return [(s["id"], s["start"], s["end"], s["text"], s.get("words")) for s in segments if s["final"]]

    @property
    def findings(self) -> dict[str, Event]:
        found: dict[str, Event] = {}
        for event in self.events:
            for op in event.get("ops", ()):
                found[op["finding"]["id"]] = op["finding"]
                if op["op"] == "retract":
                    del found[op["finding"]["id"]]
        return found

    @property
    def facts(self) -> Counter[tuple[str, ...]]:
        """What the findings say, without their ids, which depend on the order in which extractors answered."""
        return Counter((f["source"], f["kind"], f["status"], f["text"]) for f in self.findings.values())

    @property
    def codes(self) -> Counter[str]:
        """Of the notices and the errors."""
        return Counter(event["code"] for event in self.events if event["type"] in ("notice", "error"))

    @property
    def judged(self) -> list[Event]:
        return [event for event in self.events if event.get("judged")]

    @property
    def doubled(self) -> int:
        seqs = Counter(event["seq"] for event in self.events)
        return sum(count - 1 for count in seqs.values())

    @property
    def missing(self) -> int:
        """Numbers of events that never came. A client that resumes late misses what is worthless by then."""
        seqs = {event["seq"] for event in self.events}
        return max(seqs, default=0) - len(seqs)


class TimedOutbox(Outbox):
    """Notes when a lost connection was resumed: the client starts over then."""

    resumed_at: list[float]

    def rewind(self, received: int) -> None:
        self.resumed_at.append(time.monotonic())
        super().rewind(received)


async def consult(
    urls: str,
    audio: bytes,
    speed: float,
    judging: bool = True,
    told: Told | None = None,
    api_key: str | None = None,
    before_stop: Callable[[], Awaitable[object]] | None = None,
) -> Told:
    """One consultation from its start to its end, with a clinician who changes three findings in the middle of it.

    `judging` False leaves the findings alone. `told` is filled while the consultation lasts. `before_stop` is awaited
    when all is said and the session is still open. Raises ConsultationError.
    """
    told = Told() if told is None else told
    middle = asyncio.Event()

    async def listen(consultation: Consultation) -> None:
        try:
            async for event in consultation:
                told.take(dict(event))
                if event["type"] == "marker":
                    middle.set()
        finally:
            middle.set()  # nobody waits for a marker that no longer comes

    opened = Consultation.connect(urls, api_key=api_key)
    opened._transport.outbox = timed(opened._transport.outbox, told)
    async with opened as consultation:
        reading = asyncio.create_task(listen(consultation))
        frame = int(FRAME_S * SAMPLE_RATE) * 2
        half = len(audio) // 2 // frame * frame
        try:
            for part in (audio[:half], audio[half:]):
                async for _, chunk in paced(cut(part, frame), 2 * SAMPLE_RATE, speed=speed):
                    await consultation.send(chunk)
                if judging and not middle.is_set():
                    await consultation.marker(1)
                    await middle.wait()
                    await judge(consultation, list(told.findings))
            if before_stop is not None:
                await before_stop()
            await consultation.stop()
            await reading
        except ConsultationError as error:
            if error.code != "ended":
                raise
            why = told.events[-1].get("reason", "without its last event")
            raise ConsultationError("ended", f"the server ended the consultation before its client ({why})") from None
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
    return told


def timed(outbox: Outbox, told: Told) -> TimedOutbox:
    """The empty outbox of a consultation that has not begun, which notes in `told` when it is resumed."""
    made = TimedOutbox(outbox.frame_bytes, outbox.min_samples)
    made.resumed_at = told.resumed_at
    return made


async def judge(consultation: Consultation, ids: list[str]) -> None:
    if len(ids) > 2:
        await consultation.edit_finding(ids[0], {"text": "changed by hand"})
        await consultation.confirm_finding(ids[1])
        await consultation.dismiss_finding(ids[2])


DIFFERENCES = ("times", "text", "words", "probabilities")
"""In what one final may differ between two runs."""


@dataclass(frozen=True, slots=True)
class Other:
    """A final that differs between two runs: its seconds in the undisturbed one, and in what it differs.

    `words` is true where the text is the same, and its words or their times are not; `probabilities` where nothing but
    the probabilities of its words differs, as by a rounding.
    """

    start_s: float
    end_s: float
    times: bool
    text: bool
    words: bool
    probabilities: bool

    def __str__(self) -> str:
        kinds = [kind for kind in DIFFERENCES if getattr(self, kind)]
        return f"{self.start_s:.2f}-{self.end_s:.2f} s ({', '.join(kinds)})"


def _timed(words: list[Event] | None) -> list[Event]:
    """The words of a segment without their probabilities."""
    return [{name: value for name, value in word.items() if name != "probability"} for word in words or ()]


def others(told: Told, undisturbed: Told) -> list[Other]:
    """The finals that both runs of a consultation have under one id, and that are not equal."""
    found: dict[tuple[Any, ...], Other] = {}
    theirs = {final[0]: final for final in undisturbed.finals}
    for final in told.finals:
        (_, *times, text, words), other = final, theirs.get(final[0], final)
        _, start_s, end_s, right, their_words = other
        if final != other:
            moved = times != [start_s, end_s]
            same_text, same_words = text == right, _timed(words) == _timed(their_words)
            alike = same_text and same_words and not moved
            found[final[0]] = Other(start_s, end_s, moved, not same_text, same_text and not same_words, alike)
    return list(found.values())


def faults(told: Told, undisturbed: Told) -> dict[str, int]:
    """How often two runs of one consultation differ, by the kind of difference. All counts should be 0."""
    differing = others(told, undisturbed)
    mine, theirs = Counter(map(repr, told.finals)), Counter(map(repr, undisturbed.finals))
    stopped, right = told.events[-1], undisturbed.events[-1]
    return {
        "finals_lost": sum((theirs - mine).values()),
        "finals_doubled_or_other": sum((mine - theirs).values()),
        **{f"finals_other_{kind}": sum(getattr(other, kind) for other in differing) for kind in DIFFERENCES},
        "out_of_order": int(told.finals != undisturbed.finals),
        "findings_other": int(told.findings != undisturbed.findings),
        "judgements_other": abs(len(told.judged) - len(undisturbed.judged)),
        "events_doubled": told.doubled,
        "events_missing": told.missing,
        "samples_lost": round(abs(stopped["audio_s"] - right["audio_s"]) * SAMPLE_RATE),
    }
