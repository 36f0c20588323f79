"""Where a stream of speech is cut: probabilities and open audio in, spans to decode out. Pure.

Every decision about a final looks at whole VAD frames in order and at nothing else, so the finals of a stream do not
depend on how its audio was cut into chunks. Partials never influence finals. A segment in which nobody pauses is split
in mid-speech: which of its words it keeps is known when it has been decoded (inference/asr/seams.py), so the next
segment begins with audio that the one before has heard too.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from inference.audio.decoding import Samples
from inference.audio.spoken import Spoken
from inference.config import FRAME_SAMPLES, SAMPLE_RATE, SegmenterConfig

NOTHING: Samples = np.zeros(0, dtype=np.float32)

HYSTERESIS = 0.15
"""Speech goes on while the probability stays above the threshold less this, as in Silero's own iterator."""


@dataclass(frozen=True, slots=True)
class Span:
    """Audio to decode: samples [start, end) of the stream, where `spoken` tells the speech.

    `index` counts the track's segments, `decided` is the stream position at which the end was known. A `draft` is no
    final yet, but has the audio of the final that its segment becomes if nothing more is said. A `split` span ends in
    mid-speech, and its last `held` samples belong to the next span as well, which is `resumed`: then `before` is audio
    up to its start. `state` is where the segmenter of a final stood behind it.
    """

    start: int
    end: int
    audio: Samples
    final: bool
    spoken: Spoken
    index: int
    decided: int
    draft: bool = False
    held: int = 0
    resumed: bool = False
    before: Samples = field(default_factory=lambda: NOTHING)
    state: "SegmenterState | None" = None

    @property
    def split(self) -> bool:
        """Whether it ends in mid-speech."""
        return self.held > 0

    def after(self, start: int) -> "Span":
        """The part of it from sample `start` of the stream on; empty if that lies behind its end."""
        start = min(start, self.end)
        if start == self.start:
            return self
        skipped_s = (start - self.start) / SAMPLE_RATE
        audio = self.audio[start - self.start :]
        before = np.concatenate((self.before, self.audio[: start - self.start]))[start - self.start :]
        spoken = self.spoken.between(skipped_s, (self.end - self.start) / SAMPLE_RATE)
        return replace(self, start=start, audio=audio, spoken=spoken, before=before)

    @property
    def speech_s(self) -> float:
        """Seconds of speech in it."""
        return self.spoken.seconds()

    @property
    def start_s(self) -> float:
        """Where it begins, in seconds of the stream."""
        return self.start / SAMPLE_RATE

    @property
    def end_s(self) -> float:
        """Where it ends, in seconds of the stream."""
        return self.end / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """A segment that has no end yet: where it starts in the stream, and where its speech ends so far."""

    index: int
    start: int
    speech_end: int


@dataclass(frozen=True, slots=True)
class SegmenterState:
    """Where a segmenter stands after a frame, in numbers: a segmenter that is given the audio again goes on from here.

    Positions are samples of the stream. `start` is None while no segment is open; the fields below it then mean
    nothing. The names are those of the segmenter's own attributes.
    """

    judged: int = 0
    floor: int = 0
    index: int = 0
    start: int | None = None
    first_frame: int = 0
    counted_from: int = 0
    resumed: bool = False
    before: int = 0
    speech_end: int = 0
    partial_end: int = 0
    probabilities: tuple[float, ...] = ()

    def needs(self, lead_in_s: float) -> int:
        """The first sample that a later final may hold."""
        if self.start is not None:
            return self.before if self.resumed else self.start
        return max(self.floor, self.judged - _samples(lead_in_s), 0)


class Segmenter:
    """Cuts one track. Call `push` with each chunk's samples and probabilities, then `partial` if one is wanted."""

    def __init__(self, config: SegmenterConfig, threshold: float = 0.5) -> None:
        self.config = config
        self._open_above = threshold
        self._close_below = threshold - HYSTERESIS
        self._buffer: Samples = np.zeros(0, dtype=np.float32)
        self._base = 0  # stream position of _buffer[0]
        self._judged = 0  # stream position up to which frames have a probability
        self._floor = 0  # end of the last final: nothing before it is heard again
        self._probabilities: list[float] = []  # of the open segment's frames, the first at _first_frame
        self._first_frame = 0  # stream position of the first frame in _probabilities
        self._start: int | None = None
        self._counted_from = 0  # stream position from which the open segment's length is counted
        self._resumed = False
        self._before = 0  # stream position from which a resumed segment is given the audio before it
        self._speech_end = 0
        self._partial_end = 0
        self.index = 0  # of the open segment, or of the last one
        self._judged_before = 0  # frames to come that were judged before `restore`

    @property
    def state(self) -> SegmenterState:
        opened = self._start is not None
        return SegmenterState(
            self._judged,
            self._floor,
            self.index,
            self._start,
            self._first_frame if opened else 0,
            self._counted_from if opened else 0,
            self._resumed and opened,
            self._before if opened else 0,
            self._speech_end if opened else 0,
            self._partial_end if opened else 0,
            tuple(self._probabilities) if opened else (),
        )

    def restore(self, state: SegmenterState, base: int) -> None:
        """Goes on from `state`. The samples and frames from the sample `base` on, a whole frame, are pushed again.

        `base` must not lie behind what the state needs. The frames that the state has judged already change nothing.
        """
        self._base = base
        self._judged, self._floor, self.index = state.judged, state.floor, state.index
        self._start, self._first_frame = state.start, state.first_frame
        self._counted_from, self._resumed, self._before = state.counted_from, state.resumed, state.before
        self._speech_end, self._partial_end = state.speech_end, state.partial_end
        self._probabilities = list(state.probabilities)
        self._judged_before = max(0, state.judged - base) // FRAME_SAMPLES

    @property
    def open(self) -> OpenSegment | None:
        """The open segment, if there is one."""
        return None if self._start is None else OpenSegment(self.index, self._start, self._speech_end)

    def push(self, samples: Samples, probabilities: Samples) -> list[Span]:
        """Finals that these frames decide, in order. `probabilities` may lag behind `samples` by less than a frame."""
        self._buffer = np.concatenate((self._buffer, samples))
        finals: list[Span] = []
        skipped = min(self._judged_before, len(probabilities))
        self._judged_before -= skipped
        for probability in probabilities[skipped:].tolist():
            frame = self._judged
            self._judged += FRAME_SAMPLES
            if self._start is None:
                if probability >= self._open_above:
                    self._open(frame, probability)
                continue
            self._probabilities.append(probability)
            if probability >= self._close_below:
                self._speech_end = self._judged
            if self._judged - self._speech_end >= self._pause():
                finals += self._close(self._end())
            elif self._judged - self._counted_from >= _samples(self.config.max_segment_s):
                finals += self._split()
        self._forget()
        return finals

    def flush(self) -> list[Span]:
        """The open segment as a final, at a pause of the session or at its end."""
        if self._start is None or self._judged_before:
            return []
        finals = self._close(self._end())
        self._forget()
        return finals

    def partial(self, every_s: float, first_s: float | None = None) -> Span | None:
        """The open segment so far, if it is `every_s` longer than at the last partial.

        `first_s` of speech are enough for the first partial of a segment; without it, `every_s` holds there too. In a
        pause it comes with any new speech, as a draft: the segment waits for longer than a reader should.
        """
        if self._start is None or self._judged_before or not self._spoken() or self._speech_end == self._partial_end:
            return None
        draft = self._judged - self._speech_end >= _samples(self.config.draft_after_s)
        begins = first_s is not None and self._partial_end == self._start and self._speech_s() >= first_s
        if not (draft or begins) and self._speech_end - self._partial_end < _samples(every_s):
            return None
        self._partial_end = self._speech_end
        return self._span(self._end(), final=False, draft=draft)

    def erase(self) -> None:
        """Overwrites the audio that is kept, spans of it included. Nothing may be pushed after this."""
        self._buffer.fill(0)
        self._buffer = np.zeros(0, dtype=np.float32)
        self._start = None

    def _end(self) -> int:
        """Where the open segment would end if it ended now."""
        return min(self._speech_end + _samples(self.config.tail_s), self._judged)

    def _pause(self) -> int:
        """Samples of silence that end the open segment."""
        return _samples(self.config.pause_after((self._speech_end - self._counted_from) / SAMPLE_RATE))

    def _open(self, frame: int, probability: float) -> None:
        self.index += 1
        self._start = self._counted_from = max(self._floor, frame - _samples(self.config.lead_in_s))
        self._resumed = False
        self._first_frame = frame
        self._probabilities = [probability]
        self._speech_end = self._judged
        self._partial_end = self._start

    def _close(self, end: int) -> list[Span]:
        spans = [self._span(end, final=True)] if self._spoken() else []
        self._start = None
        self._floor = end
        return [replace(span, state=self.state) for span in spans]

    def _split(self) -> list[Span]:
        """Ends the open segment here, in mid-speech, and opens the next one with the last `held_s` of it.

        Half of `held_s` is what the next one is taken to begin before this end: its length is counted from there.
        """
        held_frames = _samples(self.config.held_s) // FRAME_SAMPLES
        held = held_frames * FRAME_SAMPLES
        spans = [self._span(self._judged, final=True, held=held)] if self._spoken() else []
        self._probabilities = self._probabilities[-held_frames:]
        assert self._start is not None
        self._before = max(self._start, self._judged - held - _samples(self.config.lead_s))
        self._start = self._first_frame = self._judged - held
        self._counted_from = self._judged - _samples(self.config.held_s / 2)
        self._resumed = bool(spans)
        self._speech_end = max(self._speech_end, self._start)
        self._partial_end = self._speech_end  # the words that are held are shown with the final
        self.index += 1
        return [replace(span, state=self.state) for span in spans]

    def _speech_s(self) -> float:
        return sum(p >= self._close_below for p in self._probabilities) * FRAME_SAMPLES / SAMPLE_RATE

    def _runs(self, start: int) -> Spoken:
        speech = [p >= self._close_below for p in self._probabilities]
        return Spoken.of_frames(speech, FRAME_SAMPLES / SAMPLE_RATE, (self._first_frame - start) / SAMPLE_RATE)

    def _spoken(self) -> bool:
        return self._speech_s() >= self.config.min_speech_s

    def _span(self, end: int, final: bool, draft: bool = False, held: int = 0) -> Span:
        assert self._start is not None
        audio = self._buffer[self._start - self._base : end - self._base]  # never written to: a view is safe
        before = self._buffer[self._before - self._base : self._start - self._base] if self._resumed else NOTHING
        spoken = self._runs(self._start)
        return Span(
            self._start, end, audio, final, spoken, self.index, self._judged, draft, held, self._resumed, before
        )

    def _forget(self) -> None:
        keep_from = self._start if self._start is not None else self._judged - _samples(self.config.lead_in_s)
        if self._start is not None and self._resumed:
            keep_from = self._before
        drop = min(max(0, min(keep_from, self._judged) - self._base), len(self._buffer))
        if drop:
            self._buffer = self._buffer[drop:].copy()
            self._base += drop


def _samples(seconds: float) -> int:
    return int(seconds * SAMPLE_RATE)
