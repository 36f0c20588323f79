"""What a resumed stream needs to know of the events that were sent before. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from inference.extraction.evidence.merging import Findings
from inference.extraction.live import LiveExtraction
from inference.stream.checkpoint import Checkpoint
from inference.stream.track import Track
from inference.transcript import Segment, Speaker, Transcript


@dataclass(frozen=True, slots=True)
class Resumed:
    """The last checkpoint, if there was one, and what the events of the session say.

    `finals` are those with a text, in order; `written` are the ids of all, and `shown` the index of the last segment of
    each speaker of which a partial went out. `told` are the codes of the faults that the client was told. `left_out`
    are the omissions that the clinician set aside.
    """

    checkpoint: Checkpoint | None = None
    finals: Sequence[Segment] = ()
    written: Collection[str] = ()
    shown: Mapping[Speaker, int] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
    told: Collection[str] = ()
    left_out: Collection[str] = ()

    def hand_over(self, transcript: Transcript, extraction: LiveExtraction, tracks: Sequence[Track]) -> None:
        """Puts each part where it belongs."""
        kept = self.checkpoint or Checkpoint()
        transcript.finals.extend(self.finals)
        extraction.restore(self.findings, self.finals, kept.read or {}, self.told)
        extraction.review.left_out = dict.fromkeys(self.left_out)
        extraction.language = kept.language or extraction.language
        for track in tracks:
            track.shown = self.shown.get(track.speaker, 0)
