"""Where a stream of speech is cut: probabilities and open audio in, spans to decode out. Pure.

Every decision about a final looks at whole VAD frames in order and at nothing else, so the finals of a stream do not
depend on how its audio was cut into chunks. Partials never influence finals.
"""

from dataclasses import dataclass

import numpy as np

from inference.audio.decoding import Samples
from inference.audio.spoken import Spoken
from inference.config import FRAME_SAMPLES, SAMPLE_RATE, SegmenterConfig

HYSTERESIS = 0.15
"""Speech goes on while the probability stays above the threshold less this, as in Silero's own iterator."""

QUIET_FRAMES = 5
"""Frames (160 ms) over which the level is averaged to find the quietest point: shorter finds the gaps inside words."""

CUT_AFTER = 0.5
"""A segment that nobody pauses in is cut in its second half: the first keeps enough context to be understood."""

CUT_PROBABILITY_DB = 10.0
"""What a frame's speech probability counts against its level when the quietest point is sought."""


@dataclass(frozen=True, slots=True)
class Span:
    """Audio to decode: samples [start, end) of the stream, where `spoken` tells the speech.

    `index` counts the track's segments, `decided` is the stream position at which the end was known. A `draft` is no
    final yet, but has the audio of the final that its segment becomes if nothing more is said.
    """

    start: int
    end: int
    audio: Samples
    final: bool
    spoken: Spoken
    index: int
    decided: int
    draft: bool = False

    @property
    def speech_s(self) -> float:
        return self.spoken.seconds()

    @property
    def start_s(self) -> float:
        return self.start / SAMPLE_RATE

    @property
    def end_s(self) -> float:
        return self.end / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """A segment that has no end yet: where it starts in the stream, and where its speech ends so far."""

    index: int
    start: int
    speech_end: int


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
        self._speech_end = 0
        self._partial_end = 0
        self.index = 0  # of the open segment, or of the last one

    @property
    def open(self) -> OpenSegment | None:
        """The open segment, if there is one."""
        return None if self._start is None else OpenSegment(self.index, self._start, self._speech_end)

    def push(self, samples: Samples, probabilities: Samples) -> list[Span]:
        """Finals that these frames decide, in order. `probabilities` may lag behind `samples` by less than a frame."""
        self._buffer = np.concatenate((self._buffer, samples))
        finals: list[Span] = []
        for probability in probabilities.tolist():
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
            elif self._judged - self._start >= _samples(self.config.max_segment_s):
                finals += self._split()
        self._forget()
        return finals

    def flush(self) -> list[Span]:
        """The open segment as a final, at a pause of the session or at its end."""
        if self._start is None:
            return []
        finals = self._close(self._end())
        self._forget()
        return finals

    def partial(self, every_s: float) -> Span | None:
        """The open segment so far, if it has `every_s` more speech than the last partial.

        In a pause it comes with any new speech, as a draft: the segment waits for longer than a reader should.
        """
        if self._start is None or not self._spoken() or self._speech_end == self._partial_end:
            return None
        draft = self._judged - self._speech_end >= _samples(self.config.draft_after_s)
        if not draft and self._speech_end - self._partial_end < _samples(every_s):
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
        assert self._start is not None
        return _samples(self.config.pause_after((self._speech_end - self._start) / SAMPLE_RATE))

    def _open(self, frame: int, probability: float) -> None:
        self.index += 1
        self._start = max(self._floor, frame - _samples(self.config.lead_in_s))
        self._first_frame = frame
        self._probabilities = [probability]
        self._speech_end = self._judged
        self._partial_end = self._start

    def _close(self, end: int) -> list[Span]:
        spans = [self._span(end, final=True)] if self._spoken() else []
        self._start = None
        self._floor = end
        return spans

    def _split(self) -> list[Span]:
        """Cuts at the quietest point of the second half, and leaves the rest open."""
        assert self._start is not None
        cut = self._quietest()
        spans = [self._span(cut, final=True)] if self._spoken() else []
        kept = (cut - self._first_frame) // FRAME_SAMPLES
        self._probabilities = self._probabilities[kept:]
        self._first_frame += kept * FRAME_SAMPLES
        self._start = self._floor = self._partial_end = cut
        self.index += 1
        return spans

    def _quietest(self) -> int:
        assert self._start is not None
        frames = len(self._probabilities)
        level = self._levels(frames)
        cost = level + CUT_PROBABILITY_DB * np.asarray(self._probabilities)
        smooth = np.convolve(cost, np.ones(QUIET_FRAMES) / QUIET_FRAMES, mode="same")
        first = int(frames * CUT_AFTER)
        last = frames - QUIET_FRAMES
        best = first + int(np.argmin(smooth[first:last]))
        return self._first_frame + best * FRAME_SAMPLES

    def _levels(self, frames: int) -> Samples:
        """Level of each frame of the open segment in dB."""
        at = self._first_frame - self._base
        audio = self._buffer[at : at + frames * FRAME_SAMPLES].reshape(frames, FRAME_SAMPLES)
        power = np.mean(audio * audio, axis=1)
        levels: Samples = 10.0 * np.log10(power + 1e-10)
        return levels

    def _speech_s(self) -> float:
        return sum(p >= self._close_below for p in self._probabilities) * FRAME_SAMPLES / SAMPLE_RATE

    def _runs(self, start: int) -> Spoken:
        speech = [p >= self._close_below for p in self._probabilities]
        return Spoken.of_frames(speech, FRAME_SAMPLES / SAMPLE_RATE, (self._first_frame - start) / SAMPLE_RATE)

    def _spoken(self) -> bool:
        return self._speech_s() >= self.config.min_speech_s

    def _span(self, end: int, final: bool, draft: bool = False) -> Span:
        assert self._start is not None
        audio = self._buffer[self._start - self._base : end - self._base]  # never written to: a view is safe
        return Span(self._start, end, audio, final, self._runs(self._start), self.index, self._judged, draft)

    def _forget(self) -> None:
        keep_from = self._start if self._start is not None else self._judged - _samples(self.config.lead_in_s)
        drop = max(0, min(keep_from, self._judged) - self._base)
        if drop:
            self._buffer = self._buffer[drop:].copy()
            self._base += drop


def _samples(seconds: float) -> int:
    return int(seconds * SAMPLE_RATE)
