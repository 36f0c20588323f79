"""An open segment that is decoded as the final that it becomes if nothing more is said.

A short segment waits longer for its speaker to go on than a reader should wait for the words. So its audio is decoded
as a final already, in the pause, and shown as a partial. If the pause lasts, this decoding is the final: the audio, the
text before it and the language are the same, and so is the text. If somebody speaks on, it was a partial like others.
"""

import asyncio
import time
from dataclasses import dataclass

from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.audio.segmenter import Span
from inference.batching.waiting import Served


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A segment of one track under way. `decoding` gives None where it failed; the final is decoded anew then."""

    span: Span
    request: AsrRequest
    decoding: "asyncio.Task[Served[Hypothesis] | None]"

    def drop(self) -> None:
        """Gives it up: somebody has spoken on. What the device has begun is finished there, and nobody reads it."""
        self.decoding.cancel()

    async def answer(self, span: Span, request: AsrRequest) -> Served[Hypothesis] | None:
        """What this decoding says of a final, once it is done; None if it is of something else, or failed.

        The times are those that the final waited, not those that the draft took before the final was due.
        """
        if not self._is_of(span, request):
            self.drop()
            return None
        began = time.monotonic()
        served = await self.decoding
        return None if served is None else Served(served.value, 0.0, (time.monotonic() - began) * 1000)

    def _is_of(self, span: Span, request: AsrRequest) -> bool:
        same_audio = (self.span.index, self.span.start, self.span.end) == (span.index, span.start, span.end)
        return same_audio and (self.request.prompt, self.request.language) == (request.prompt, request.language)
