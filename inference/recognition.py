"""What every session shares of the recogniser: queues to its replicas, second tries, and decoding on to a span's end.

The encoder hears the span and a margin of silence instead of 30 s, which is where most of a small model's time goes. A
shortened input makes Whisper loop now and then, so a hypothesis that looks invented is decoded again with more silence:
as work of its own, in a lane of its own, so that nobody else's batch waits for it.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from inference.batching import Batcher, DeviceError
from inference.config import SAMPLE_RATE, AsrConfig
from inference.guard import is_phantom, unlooped
from inference.hypothesis import AsrRequest, Hypothesis
from inference.lengths import FULL_FRAMES, wider
from inference.waiting import Lane, Served

REST_S = 1.2
"""A rest this long behind the last timestamp is decoded as well: above the longest pause that a span may hold."""

MAX_RESTS = 2


class AsrEngine(Protocol):
    """One model on one device; see `inference.asr.WhisperAsr`."""

    def transcribe(self, requests: Sequence[AsrRequest], mels: Sequence[Any] | None = None) -> list[Hypothesis]: ...

    def prepare(self, requests: Sequence[AsrRequest]) -> Sequence[Any]: ...

    def rehearse(self, final: bool, seconds: float, tokens: int, batch: int) -> None: ...

    def restart(self) -> None: ...


class Recogniser:
    """Hands spans to the least loaded of its replicas."""

    def __init__(
        self,
        replicas: Sequence[AsrEngine],
        config: AsrConfig,
        observe: Callable[[int], None] = lambda size: None,
    ) -> None:
        self.config = config
        self._queues = [self._queue(engine, observe) for engine in replicas]

    async def final(self, request: AsrRequest, *, session: str) -> Served[Hypothesis]:
        """The last word on a span. Raises what the engine raised, DeviceError if the device failed."""
        since = time.monotonic()
        served = await self._ask(request, session, Lane.FINAL)
        served = await self._doubted(served, request, session, since)
        served = await self._to_the_end(served, request, session, since)
        if is_phantom(served.value.text, served.value.no_speech, served.value.logprob, request.speech_s):
            return replace(served, value=replace(served.value, text="", words=()))
        return served

    async def partial(self, request: AsrRequest, *, session: str) -> Served[Hypothesis]:
        """The words so far; of a loop what a person may say. No second try: the next partial is seconds away.

        Raises Superseded when a newer partial of the session takes its place.
        """
        served = await self._ask(request, session, Lane.PARTIAL)
        said = served.value
        if is_phantom(said.text, said.no_speech, said.logprob, request.speech_s):
            return replace(served, value=Hypothesis("", said.language))
        return replace(served, value=_unlooped(said)) if said.doubtful else served

    @property
    def up(self) -> bool:
        return any(queue.up for queue in self._queues)

    @property
    def failed(self) -> DeviceError | None:
        """Why no replica runs any more."""
        reasons = [queue.failed for queue in self._queues]
        return next((reason for reason in reasons if reason), None) if all(reasons) else None

    def prefer(self, sessions: Sequence[str]) -> None:
        """From now on the sessions are served in this order, and no longer by how long they have waited."""
        for queue in self._queues:
            queue.ranks = {session: rank for rank, session in enumerate(sessions)}

    @property
    def waiting(self) -> int:
        return sum(queue.waiting for queue in self._queues)

    async def close(self) -> None:
        await asyncio.gather(*(queue.close() for queue in self._queues))

    def _queue(self, engine: AsrEngine, observe: Callable[[int], None]) -> Batcher[AsrRequest, Hypothesis]:
        return Batcher(
            engine.transcribe,
            max_batch=self.config.max_batch,
            workers=self.config.workers,
            kind=lambda request: (request.final, self._frames(request)),
            prepare=engine.prepare,
            restart=lambda: asyncio.to_thread(engine.restart),
            name="asr",
            observe=observe,
        )

    def _frames(self, request: AsrRequest) -> int:
        return request.encoder_frames(self.config.margin_s)

    async def _ask(
        self, request: AsrRequest, session: str, lane: Lane, since: float | None = None
    ) -> Served[Hypothesis]:
        queues = [queue for queue in self._queues if queue.failed is None] or self._queues
        if len(queues) == 1:
            return await queues[0].run(request, session=session, lane=lane, since=since)
        # A newer partial goes where the older one waits, to take its place.
        queue = min(queues, key=lambda q: (lane is not Lane.PARTIAL or not q.holds(session), not q.up, q.backlog))
        return await queue.run(request, session=session, lane=lane, since=since)

    async def _doubted(
        self, served: Served[Hypothesis], request: AsrRequest, session: str, since: float
    ) -> Served[Hypothesis]:
        frames = self._frames(request)
        while served.value.doubtful and frames < FULL_FRAMES:
            frames = wider(frames) if frames == self._frames(request) else FULL_FRAMES
            # Without the prompt, which is what a loop feeds on.
            again = await self._ask(replace(request, prompt="", frames=frames), session, Lane.RETRY, since)
            better = again.value if _is_better(again.value, served.value) else served.value
            served = _both(served, again, replace(better, retried=True))
        return replace(served, value=_unlooped(served.value)) if served.value.doubtful else served

    async def _to_the_end(
        self, served: Served[Hypothesis], request: AsrRequest, session: str, since: float
    ) -> Served[Hypothesis]:
        """Goes on from the last timestamp where Whisper stopped before the end, as it may after a change of speaker.

        A span has no silence longer than a pause, so a long rest holds speech (Radford et al. 2022, section 4.5).
        """
        for _ in range(MAX_RESTS):
            said = served.value
            if said.doubtful or not said.text or len(request.audio) - said.heard_s * SAMPLE_RATE < REST_S * SAMPLE_RATE:
                return served
            rest = request.audio[int(said.heard_s * SAMPLE_RATE) :]
            more = replace(request, audio=rest, language=said.language, prompt=f"{request.prompt} {said.text}")
            found = await self._ask(more, session, Lane.RETRY, since)
            if found.value.doubtful or not found.value.text:
                return _both(served, found, said)
            words = tuple(
                replace(w, start=round(w.start + said.heard_s, 2), end=round(w.end + said.heard_s, 2))
                for w in found.value.words
            )
            joined = replace(
                said,
                text=f"{said.text} {found.value.text}",
                words=said.words + words,
                heard_s=said.heard_s + found.value.heard_s,
            )
            served = _both(served, found, joined)
        return served


def _is_better(second: Hypothesis, first: Hypothesis) -> bool:
    return not second.doubtful or second.logprob > first.logprob


def _unlooped(said: Hypothesis) -> Hypothesis:
    """What still loops after every try, said three times at most."""
    plain = [re.sub(r"[^\w']", "", word.text.lower()) for word in said.words]
    words = tuple(said.words[i] for i in unlooped(plain))
    if len(words) == len(said.words):
        return said
    return replace(said, text=" ".join(word.text for word in words), words=words)


def _both(first: Served[Hypothesis], second: Served[Hypothesis], value: Hypothesis) -> Served[Hypothesis]:
    return Served(value, first.queue_ms + second.queue_ms, first.run_ms + second.run_ms)
