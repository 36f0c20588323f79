"""One speaker's part of a stream. Pure but for the tasks that it names."""

import asyncio
import sys
from dataclasses import dataclass, field

from inference.asr.drafts import Draft
from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.asr.language import TrackLanguage
from inference.asr.leads.lead import Lead
from inference.asr.partials import Partials, Tail
from inference.asr.seams import Seam
from inference.audio.segmenter import OpenSegment, Segmenter, SegmenterState, Span
from inference.audio.vad_state import VadState
from inference.batching.waiting import Served
from inference.config import SAMPLE_RATE
from inference.stream.checkpoint import Place, TrackState, unpacked
from inference.terms.vocabulary import Vocabulary
from inference.transcript import Speaker

CONTEXT_CHARACTERS = 400
"""Of the text before a span that may become its prompt; the recogniser keeps its last tokens only."""


@dataclass(slots=True)
class Track:
    """One speaker's audio: the state of its voice detection, its open segment, and its own text as context.

    In ambient mode one track holds everybody.
    """

    speaker: Speaker
    segmenter: Segmenter
    language: TrackLanguage
    vocabulary: Vocabulary | None = None
    vad: VadState = field(default_factory=VadState)
    partials: Partials = field(default_factory=Partials)
    context: str = ""
    shown: int = 0  # index of the last segment of which a partial went out
    committed: int = 0  # index of the last segment whose final is out
    draft: Draft | None = None  # of the open segment
    seam: Seam | None = None  # where the segment after the last final goes on, if that was split
    partial_s: float = 0.0  # what the last partial took, its wait included
    showing: "dict[asyncio.Task[None], int]" = field(default_factory=dict)  # partials on their way -> segment index
    settled: SegmenterState = field(default_factory=SegmenterState)  # behind what is committed

    @property
    def state(self) -> TrackState:
        """What the next final depends on, behind what is committed."""
        return TrackState.of(self.settled, self.language, self.context, self.committed, self.seam)

    def restore(self, state: TrackState, place: Place, hidden: str | None) -> None:
        """Goes on from `state`, hearing from `place` on; `hidden` is the state of the detector there."""
        self.segmenter.restore(state.segmenter, place.at)
        self.settled = state.segmenter
        self.language = TrackLanguage(state.language, state.rival, state.votes)
        self.context, self.committed, self.seam = state.context, state.committed, state.seam
        if hidden is not None:
            self.vad = VadState(unpacked(hidden))

    def covered(self, found: OpenSegment) -> int:
        """Stream position up to which the track's text was shown, given the segment that was open."""
        return sys.maxsize if self.committed >= found.index else self.partials.covered(found)

    def waits_for_seam(self, span: Span) -> bool:
        """Whether nobody knows yet where an open segment begins: the final before it is to come."""
        return span.resumed and self.committed < span.index - 1

    def own(self, span: Span) -> Span:
        """A span without the audio that the final before it has taken."""
        return span.after(self.seam.at) if span.resumed and self.seam is not None else span

    def known(self, span: Span) -> Served[Hypothesis] | None:
        """What the final before a span, which was split, has heard of it, if nobody has spoken since."""
        if span.resumed and self.seam is not None and self.seam.ends_with_speech(span):
            return Served(self.seam.held, 0.0, 0.0)
        return None

    def request(self, span: Span) -> AsrRequest:
        """What a final, or a draft of one, asks of the recogniser."""
        lead = Lead.of(self.seam.before, span.before) if span.resumed and self.seam is not None else None
        context = self.context
        if lead is not None and context.endswith(lead.text):  # else it is in another language
            context = context.removesuffix(lead.text).rstrip()
        else:
            lead = None
        return AsrRequest(
            span.audio, True, self.language.code, context, span.spoken, vocabulary=self.vocabulary, lead=lead
        )

    def partial_request(self, span: Span, tail: Tail) -> AsrRequest:
        """What a partial of an open span asks of the recogniser: the part that is not settled."""
        prompt = f"{self.context} {tail.text}".strip()
        spoken = span.spoken.between((tail.start - span.start) / SAMPLE_RATE, (span.end - span.start) / SAMPLE_RATE)
        return AsrRequest(tail.audio, False, self.language.code, prompt, spoken)

    def remember(self, text: str) -> None:
        """Makes the text of a final part of the context of the next ones."""
        self.context = f"{self.context} {text}"[-CONTEXT_CHARACTERS:].lstrip()

    def begin_again(self) -> None:
        """After a pause of the session: what was heard before it says nothing about what comes after it."""
        self.vad = VadState(remainder=self.vad.remainder)

    def erase(self) -> None:
        """Overwrites the audio that is kept."""
        self.segmenter.erase()
        self.vad.erase()
