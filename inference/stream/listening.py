"""From bytes to spans: what a stream hears, up to the recogniser."""

import asyncio
from collections.abc import Sequence

import numpy as np

from inference.audio.attention import Attention
from inference.audio.decoding import PcmDecoder, Samples
from inference.audio.segmenter import Span
from inference.audio.vad_state import CONTEXT_SAMPLES, VadState
from inference.batching.batcher import Batcher
from inference.serving.engines import VadAnswer, VadQuestion
from inference.stream.checkpoint import Place
from inference.stream.options import StreamOptions
from inference.stream.places import Places
from inference.stream.track import Track
from inference.updates import Emit

Cut = tuple[Track, Span]


class Listener:
    """Decodes the bytes of a stream, detects speech in each track, and cuts it into spans.

    `heard` counts the samples of the stream so far, at 16 kHz. While it is `paused` time goes on and nothing is heard.
    With a `place`, it begins there. `places` is told of those from which hearing can begin again later.
    """

    def __init__(
        self,
        vad: Batcher[VadQuestion, VadAnswer],
        session: str,
        options: StreamOptions,
        tracks: Sequence[Track],
        threshold: float,
        emit: Emit,
        place: Place | None = None,
        places: Places | None = None,
    ) -> None:
        place = place or Place()
        self.heard = place.decoder.out
        self.paused = place.paused
        self._again = place.at - place.decoder.out  # samples to come that only lead to the place
        self._place = place
        self._places = places
        self._vad = vad
        self._session = session
        self._tracks = tracks
        self._decoder = PcmDecoder(options.audio, len(options.speakers), place.decoder)
        self._attention = Attention(options.audio, options.speakers, threshold, emit)
        if place.attention is not None:
            self._attention.restore(place.attention)

    async def hear(self, data: bytes, *, last: bool = False) -> tuple[float, list[Cut]]:
        """The milliseconds that voice detection took, and the finals that the next bytes decided, in their order."""
        if self._places is not None and not last and not self._again:
            self._places.note(self.heard, self._tracks, self._decoder, self._attention, self.paused)
        if not self.paused and not last:
            self._attention.received(data)
        tracks = self._decoder.decode(data, last=last)
        self.heard += len(tracks[0])
        tracks = self._up_to_place(tracks) if self._again else tracks
        if self.paused:
            tracks = [np.zeros_like(samples) for samples in tracks]
        served = await asyncio.gather(
            *(
                self._vad.run((samples, track.vad), session=f"{self._session}/{track.speaker}")
                for samples, track in zip(tracks, self._tracks, strict=True)
            )
        )
        finals: list[Cut] = []
        for track, samples, answer in zip(self._tracks, tracks, served, strict=True):
            probabilities, track.vad = answer.value
            if self.paused:
                probabilities = np.zeros_like(probabilities)
            else:
                await self._attention.heard(track.speaker, samples, probabilities, self._speech)
            finals += [(track, span) for span in track.segmenter.push(samples, probabilities)]
        if not self.paused:
            self._attention.look()
        finals.sort(key=lambda cut: cut[1].decided)  # tracks in the order of any chunk size
        return max(answer.run_ms for answer in served), finals

    def pause(self, paused: bool) -> None:
        """Stops or goes on to hear."""
        self.paused = paused
        self._attention.begin_again()
        for track in self._tracks:
            track.begin_again()

    def erase(self) -> None:
        """Overwrites the audio that is kept."""
        self._decoder.erase()
        self._attention.erase()

    def _up_to_place(self, tracks: list[Samples]) -> list[Samples]:
        """What comes behind the place. The last samples before it are what the detectors heard last."""
        lead = min(self._again, len(tracks[0]))
        self._again -= lead
        for number, (track, samples) in enumerate(zip(self._tracks, tracks, strict=True)):
            before = np.concatenate((track.vad.context, samples[:lead]))[-CONTEXT_SAMPLES:]
            track.vad = VadState(track.vad.hidden, before)
            if not self._again and self._place.fresh[number]:
                track.vad = VadState(track.vad.hidden)
        return [samples[lead:] for samples in tracks]

    async def _speech(self, audio: Samples) -> Samples:
        """Speech probabilities of sound that is no part of the stream."""
        served = await self._vad.run((audio, VadState()), session=f"{self._session}/again")
        return served.value[0]
