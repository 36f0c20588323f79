"""The places of a stream from which it can be heard again, and the controls behind them. Pure."""

from collections.abc import Sequence

from inference.audio.attention import Attention
from inference.audio.decoding import PcmDecoder
from inference.audio.vad_state import CONTEXT_SAMPLES
from inference.config import SAMPLE_RATE
from inference.stream.checkpoint import Flushed, Flushing, Place, packed
from inference.stream.track import Track

EVERY_S = 0.5
"""The least audio between two places. A place takes a kilobyte for each track; hearing half a second again takes next
to nothing."""


class Places:
    """The places of one stream, the oldest first; `before` drops those that are not needed any more."""

    def __init__(self, first: Place) -> None:
        self._places = [first]
        self._controls: list[Flushed] = []  # those that were counted from `_dropped` on
        self._dropped = first.controls
        self._control_before = False

    @property
    def _counted(self) -> int:
        return self._dropped + len(self._controls)

    def control(self, at: int, kind: Flushing) -> None:
        """Notes a control that takes effect when the client has sent `at` samples."""
        self._controls.append(Flushed(at, kind))
        self._control_before |= kind != "marker"

    def note(
        self, heard: int, tracks: Sequence[Track], decoder: PcmDecoder, attention: Attention, paused: bool
    ) -> None:
        """Notes the place at the beginning of a chunk, before which `heard` samples were heard."""
        # Behind a pause or its end, the samples short of a frame may come from before it, when others were heard.
        skip, self._control_before = self._control_before, False
        at = heard - len(tracks[0].vad.remainder)
        if skip or at - self._places[-1].at < EVERY_S * SAMPLE_RATE:
            return
        self._places.append(
            Place(
                at,
                decoder.before(at - CONTEXT_SAMPLES),
                tuple(packed(track.vad.hidden) for track in tracks),
                tuple(not track.vad.context.any() for track in tracks),
                paused,
                self._counted,
                attention.state,
            )
        )

    def before(self, sample: int) -> Place:
        """The last place at a sample at 16 kHz or before it. A later call must not name an earlier sample."""
        while len(self._places) > 1 and self._places[1].at <= sample:
            del self._places[0]
        place = self._places[0]
        del self._controls[: place.controls - self._dropped]
        self._dropped = place.controls
        return place

    @property
    def controls(self) -> tuple[Flushed, ...]:
        """Those behind the place that `before` gave last."""
        return tuple(self._controls)
