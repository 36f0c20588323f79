"""What the people in the room are told about the sound itself: that it looks wrong, or that nobody is heard."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from inference.audio.decoding import AudioFormat, Samples
from inference.audio.formats import FormatCheck
from inference.audio.rates import Hear, RateCheck
from inference.audio.silence import Silence, Silent
from inference.transcript import Speaker
from inference.updates import Emit, Notice

_CHANNEL: dict[Speaker, str] = {"clinician": "channel 0", "patient": "channel 1"}


@dataclass(slots=True)
class _Ear:
    silence: Silence
    rate: RateCheck


class Attention:
    """One stream's checks: `received` takes its bytes, `heard` what became of them, in order. Notices go to `emit`."""

    def __init__(self, audio: AudioFormat, speakers: tuple[Speaker, ...], threshold: float, emit: Emit) -> None:
        self._threshold = threshold
        self._emit = emit
        self._format = FormatCheck(audio)
        self._ears = {speaker: _Ear(Silence(threshold), RateCheck(audio.sample_rate)) for speaker in speakers}
        self._suspect = False
        self._rate_is_known = audio.encoding != "pcm_s16le"  # a decoder puts out its own rate

    def received(self, data: bytes) -> None:
        """The next bytes of the stream, as the client sent them."""
        for message in self._format.push(data):
            self._emit(Notice("audio_suspect", message))

    async def heard(self, speaker: Speaker, samples: Samples, probabilities: Samples, hear: Hear) -> None:
        """The next samples of a track at 16 kHz, and the speech probabilities of the frames that they complete."""
        ear = self._ears[speaker]
        ear.silence.push(samples, probabilities)
        message = None
        if not self._rate_is_known:
            message = await ear.rate.push(samples, probabilities, self._threshold, hear)
        if message is not None and not self._format.wrong and not self._suspect:
            self._suspect = True
            self._emit(Notice("audio_suspect", message))

    def look(self) -> None:
        """Tells of silence, once all tracks have heard the same time."""
        if self._format.wrong or self._suspect:
            return  # that nothing is understood follows from what was told
        for speaker, ear in self._ears.items():
            others = any(other.silence.heard_before for name, other in self._ears.items() if name != speaker)
            silent = ear.silence.due(others)
            if silent is not None:
                self._emit(Notice("no_speech", _silence(silent, speaker), None if speaker == "unknown" else speaker))

    @property
    def state(self) -> dict[str, Any]:
        """What `restore` takes: counts and what was told, and none of the sound."""
        return {
            "suspect": self._suspect,
            "format": self._format.state,
            "silence": {speaker: asdict(ear.silence) for speaker, ear in self._ears.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from the counts of an earlier time. A check of the sample rate that was under way is given up."""
        self._suspect = state["suspect"]
        self._format.restore(state["format"])
        for speaker, ear in self._ears.items():
            ear.silence = Silence(**state["silence"][speaker])
            ear.rate.erase()

    def begin_again(self) -> None:
        """Forgets the silence so far, at the end of a pause."""
        for ear in self._ears.values():
            ear.silence.begin_again()

    def erase(self) -> None:
        """Drops the audio that is kept."""
        self._format.erase()
        for ear in self._ears.values():
            ear.rate.erase()


def _silence(silent: Silent, speaker: Speaker) -> str:
    microphone = "the microphone" if speaker == "unknown" else f"the {speaker}'s microphone ({_CHANNEL[speaker]})"
    if silent == "flat":
        return f"{microphone} sends no sound at all: check that it is connected, switched on and not muted"
    return f"nobody is heard: check that {microphone} is the right one, is not muted and is near enough"
