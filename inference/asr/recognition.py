"""What every session shares of the recogniser: its queue, second tries, and stretches that were skipped.

The encoder hears the span and a margin of silence instead of 30 s, which is where most of a small model's time goes. A
shortened input makes Whisper loop now and then, so a hypothesis that looks invented is decoded again with more silence:
as work of its own, in a lane of its own, so that nobody else's batch waits for it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from inference.asr.encoding.lengths import wider
from inference.asr.gaps import Gap, gaps
from inference.asr.guard import MAX_SAID, plain, unlooped, unstuttered
from inference.asr.hypothesis import AsrRequest, Hypothesis, Rehearsal
from inference.asr.language import SEVERAL, WEAK_LOGPROB, another, is_written_in
from inference.asr.phantoms import without_phantoms
from inference.batching.batcher import Batcher
from inference.batching.waiting import Lane, Patience, Served
from inference.config import FULL_FRAMES, SAMPLE_RATE, AsrConfig
from inference.terms.hearing import hint, with_terms
from inference.transcript import Word

MAX_GAPS = 3
"""Stretches of one span that are decoded again because no word lies over them."""


PATIENCE: Patience = {Lane.RETRY: 0.2, Lane.PARTIAL: 0.3}
"""Seconds for which second tries and partials let finals pass on a GPU (docs/decisions.md). On a CPU a batch takes as
long as its items together, so that finals go first there."""


class AsrEngine(Protocol):
    """One model on one device, called from as many threads as `AsrConfig.workers`. See `WhisperAsr` in whisper.py."""

    def transcribe(self, requests: Sequence[AsrRequest], mels: Sequence[Any] | None = None) -> list[Hypothesis]:
        """One hypothesis for each request, in the same order. `mels` is what `prepare` returned for them.

        Raises OutOfMemory if the batch does not fit, DeviceError if the device failed.
        """
        ...

    def prepare(self, requests: Sequence[AsrRequest]) -> Sequence[Any]:
        """The input of the encoder for each request, computed while the device decodes another batch."""
        ...

    def rehearse(self, rehearsal: Rehearsal) -> None:
        """Decodes a batch of noise as a live batch is decoded. Raises OutOfMemory or DeviceError."""
        ...

    def restart(self) -> None:
        """Loads the model again after a DeviceError. No other thread may be in the engine."""
        ...


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who waits for a span, since when, and in which lane it is decoded again."""

    session: str
    since: float
    again: Lane


class Recogniser:
    """The queue in front of the model, and what is decoded again because of the model's answers.

    `observe` is called with the size of each batch, `out_of_memory` whenever a batch did not fit on the device.
    """

    def __init__(
        self,
        engine: AsrEngine,
        config: AsrConfig,
        observe: Callable[[int], None] = lambda size: None,
        out_of_memory: Callable[[], None] = lambda: None,
    ) -> None:
        self.config = config
        self.second_tries = 0
        """Requests that decoded something again since the start, for whatever reason."""
        self.queue: Batcher[AsrRequest, Hypothesis] = Batcher(
            engine.transcribe,
            max_batch=config.max_batch,
            workers=config.workers,
            kind=lambda request: (request.final, self._frames(request)),
            prepare=engine.prepare,
            patience=PATIENCE if config.device == "cuda" else {},
            restart=lambda: asyncio.to_thread(engine.restart),
            name="asr",
            observe=observe,
            out_of_memory=out_of_memory,
        )

    async def final(self, request: AsrRequest, *, session: str) -> Served[Hypothesis]:
        """The text of a complete span. Raises what the engine raised for it, DeviceError if the device failed."""
        return await self._heard(request, session, Lane.FINAL)

    async def draft(self, request: AsrRequest, *, session: str) -> Served[Hypothesis]:
        """What `final` returns for a span that may still grow. It lets finals pass, and raises what `final` raises."""
        return await self._heard(request, session, Lane.RETRY)

    async def of_file(self, request: AsrRequest, *, session: str, since: float) -> Served[Hypothesis]:
        """What `final` returns, for a span of a recording, which waits since the monotonic time `since`.

        Everything live goes first. Raises what `final` raises.
        """
        return await self._heard(request, session, Lane.FILE, since)

    async def _heard(
        self, request: AsrRequest, session: str, lane: Lane, since: float | None = None
    ) -> Served[Hypothesis]:
        since = time.monotonic() if since is None else since
        caller = _Caller(session, since, Lane.FILE if lane is Lane.FILE else Lane.RETRY)
        served = await self._ask(request, session, lane, since)
        if request.lead is not None and not served.value.text:
            # The text of the lead may pass for all that was said; what is said behind it must not be lost.
            request = _alone(request)
            served = _both(served, again := await self._again(request, caller), again.value)
        served = await self._in_its_language(served, request, caller)
        if served.value.language != request.language is not None:
            request = replace(request, language=served.value.language, prompt="", lead=None)
        served = await self._doubted(served, request, caller)
        served = await self._filled(served, request, caller)
        served = await self._named(served, request, caller)
        return replace(served, value=without_phantoms(served.value, request.speech))

    async def partial(self, request: AsrRequest, *, session: str) -> Served[Hypothesis]:
        """The words of an open span so far. It is never decoded again, because the next partial is seconds away.

        Of a loop, one pass is left: the model invents the others when little was said, and the final is decoded again
        where it is in doubt. The text is empty if another language is likely spoken: the words are invented then, and
        the final will have the right ones.

        Raises Superseded when a newer partial of the session takes its place, and what `final` raises.
        """
        served = await self._ask(request, session, Lane.PARTIAL)
        said = without_phantoms(served.value, request.speech)
        if another(said.heard, request.language, request.seconds, weak=False):
            return replace(served, value=Hypothesis("", said.language))
        return replace(served, value=_unlooped(said, 1) if said.doubtful else said)

    def prefer(self, sessions: Sequence[str]) -> None:
        """From now on the sessions are served in this order, and no longer by how long they have waited."""
        self.queue.ranks = {session: rank for rank, session in enumerate(sessions)}

    def _frames(self, request: AsrRequest) -> int:
        return request.encoder_frames(self.config)

    async def close(self) -> None:
        """Drops what waits and lets the batches that run end."""
        await self.queue.close()

    async def _ask(
        self, request: AsrRequest, session: str, lane: Lane, since: float | None = None
    ) -> Served[Hypothesis]:
        return await self.queue.run(request, session=session, lane=lane, since=since)

    async def _again(self, request: AsrRequest, caller: _Caller) -> Served[Hypothesis]:
        self.second_tries += 1
        return await self._ask(request, caller.session, caller.again, caller.since)

    async def _in_its_language(
        self, served: Served[Hypothesis], request: AsrRequest, caller: _Caller
    ) -> Served[Hypothesis]:
        """Decodes once more, in the language that is heard, a span that was asked for in another one.

        A doubtful text in that language is tried again before it may replace another one: a loop is likelier than most
        speech, and what looks invented must not hide what was said.
        """
        first = served.value
        weak = first.doubtful or first.logprob < WEAK_LOGPROB
        language = another(first.heard, request.language, request.speech.seconds(), weak)
        if first.heard is None or language is None:
            return served
        # Without the prompt, which is in the language that was asked for.
        request = replace(request, language=language, prompt="", lead=None)
        again = await self._again(request, caller)
        if again.value.doubtful:
            again = await self._doubted(again, request, caller)
        there = again.value
        gain, whole_gain = there.logprob - first.logprob, there.whole_logprob - first.whole_logprob
        speech_s = request.speech.seconds()
        chosen = is_written_in(first.heard, speech_s, gain, whole_gain, first.doubtful, there.doubtful)
        return _both(served, again, replace(there, retried=True) if chosen else first)

    async def _doubted(self, served: Served[Hypothesis], request: AsrRequest, caller: _Caller) -> Served[Hypothesis]:
        frames = self._frames(request)
        while served.value.doubtful and frames < FULL_FRAMES:
            frames = wider(frames, self.config.ladder) if frames == self._frames(request) else FULL_FRAMES
            # Without the prompt, which is what a loop feeds on.
            again = await self._again(replace(request, prompt="", frames=frames), caller)
            better = again.value if _is_better(again.value, served.value) else served.value
            served = _both(served, again, replace(better, retried=True))
        return replace(served, value=_unlooped(served.value)) if served.value.doubtful else served

    async def _filled(self, served: Served[Hypothesis], request: AsrRequest, caller: _Caller) -> Served[Hypothesis]:
        """Decodes what the words pass over by itself, and puts what it says in their place where it says more.

        Of two languages in one span Whisper mostly writes one and passes over the other.
        """
        tried: set[float] = set()
        request = replace(request, language=served.value.language)
        while len(tried) < MAX_GAPS and not served.value.doubtful and served.value.words:
            said = served.value
            found = (gap for gap in gaps(said.words, request.speech, request.seconds) if gap.start not in tried)
            gap = next(found, None)
            if gap is None:
                break
            tried.add(gap.start)
            piece = _piece(request, said, gap)
            answer = await self._again(piece, caller)
            answer = await self._in_its_language(answer, piece, caller)
            served = _both(served, answer, _with_piece(said, gap, answer.value))
        return served

    async def _named(self, served: Served[Hypothesis], request: AsrRequest, caller: _Caller) -> Served[Hypothesis]:
        """Writes a term of the vocabulary where the words sound like it and a second decoding hears it.

        The terms are named to the second decoding alone. Named to every span, they would be heard where nobody says
        them (benchmarks/LOG.md).
        """
        said = served.value
        if request.vocabulary is None or said.doubtful or not said.words:
            return served
        found = await asyncio.to_thread(request.vocabulary.candidates, said.words)
        if not found:
            return served
        again = None
        if unsure := [candidate for candidate in found if not candidate.spelt]:
            again = await self._again(replace(request, hint=hint(unsure)), caller)
        # A loop or an invented text has the name that it was told wherever one looks for it.
        heard = again.value.words if again is not None and not again.value.doubtful else ()
        words = with_terms(said.words, heard, found)
        named = said if words == said.words else _with_words(said, words)
        return _both(served, again, named) if again is not None else replace(served, value=named)


def _alone(request: AsrRequest) -> AsrRequest:
    """The span without its lead, whose text is the end of the prompt then."""
    if request.lead is None:
        return request
    return replace(request, prompt=f"{request.prompt} {request.lead.text}".strip(), lead=None)


def _piece(request: AsrRequest, said: Hypothesis, gap: Gap) -> AsrRequest:
    """The audio of a gap, after the words before it."""
    before = " ".join(word.text for word in said.words[: gap.first])
    request = _alone(request)
    return replace(
        request,
        audio=request.audio[int(gap.start * SAMPLE_RATE) : int(gap.stop * SAMPLE_RATE)],
        prompt=f"{request.prompt} {before}".strip(),
        spoken=request.speech.between(gap.start, gap.stop),
        frames=0,
    )


def _with_piece(said: Hypothesis, gap: Gap, piece: Hypothesis) -> Hypothesis:
    """The words of the piece in place of those that lay over the gap; unchanged where they are no more than these."""
    if piece.doubtful or len(piece.words) <= gap.end - gap.first:
        return said
    within = tuple(
        replace(word, start=round(word.start + gap.start, 2), end=round(word.end + gap.start, 2))
        for word in piece.words
    )
    words = said.words[: gap.first] + within + said.words[gap.end :]
    language = said.language if piece.language == said.language else SEVERAL
    return replace(_with_words(said, words), language=language)


def _with_words(said: Hypothesis, words: tuple[Word, ...]) -> Hypothesis:
    return replace(said, text=" ".join(word.text for word in words), words=words)


def _is_better(second: Hypothesis, first: Hypothesis) -> bool:
    return not second.doubtful or second.logprob > first.logprob


def _unlooped(said: Hypothesis, most: int = MAX_SAID) -> Hypothesis:
    """What still loops after every try, said `most` times."""
    compared = [plain(word.text) for word in said.words]
    words = tuple(replace(said.words[i], text=unstuttered(said.words[i].text, most)) for i in unlooped(compared, most))
    return said if words == said.words else _with_words(said, words)


def _both(first: Served[Hypothesis], second: Served[Hypothesis], value: Hypothesis) -> Served[Hypothesis]:
    return Served(value, first.queue_ms + second.queue_ms, first.run_ms + second.run_ms)
