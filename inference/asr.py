"""Whisper through CTranslate2: a list of spans in, a list of hypotheses out. The only import of ctranslate2.

The encoder hears the span and a margin of silence instead of 30 s, which is where most of a small model's time goes.
A shortened input makes Whisper loop now and then, so every hypothesis passes a guard (inference/guard.py); a suspicious
one is decoded again with the full window that the model was trained on.
"""

import os
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ctranslate2
from tokenizers import Tokenizer

from inference.config import SAMPLE_RATE, AsrConfig
from inference.guard import is_phantom, suspicious
from inference.hypothesis import AsrRequest, Hypothesis
from inference.mel import FRAMES_PER_SECOND, HOP_SAMPLES, LogMel
from inference.transcript import Word
from inference.words import SECONDS_PER_POSITION, Alignment, timed_words

FULL_FRAMES = 3000
FRAME_STEP = 100
WIDER_FRAMES = 1000
"""Ten seconds more of silence end most loops, at a third of the full window's cost."""

REST_S = 1.2
"""A rest this long behind the last timestamp is decoded as well: above the longest pause that a span may hold."""

MAX_RESTS = 2
MAX_TOKENS = 224
TOKENS_PER_SECOND = 7
"""Above any speaker's rate: a hypothesis that reaches it is a loop."""


@dataclass(frozen=True, slots=True)
class _Try:
    hypothesis: Hypothesis
    suspicious: bool
    frames: int
    heard_s: float  # where its last timestamp says that it stopped listening


class WhisperAsr:
    """One Whisper on one device. Safe to call from as many threads as `config.workers`."""

    def __init__(self, model_dir: Path, config: AsrConfig | None = None) -> None:
        self.config = config or AsrConfig()
        if self.config.device == "cpu":
            _use_avx512()
        self.model = ctranslate2.models.Whisper(
            str(model_dir),
            device=self.config.device,
            device_index=self.config.device_index,
            compute_type=self.config.compute_type,
            inter_threads=self.config.workers,
            intra_threads=self.config.threads,
        )
        self.tokenizer: Tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
        self.multilingual: bool = self.model.is_multilingual
        self._mel = LogMel(self.model.n_mels, self.config.device)
        self._first_timestamp = self._id("<|notimestamps|>") + 1
        self._end_of_text = self._id("<|endoftext|>")  # every id from here on is a special token

    def transcribe(self, requests: Sequence[AsrRequest]) -> list[Hypothesis]:
        """Hypotheses in the order of the requests; `text` is empty where nothing was said."""
        prompts = [self._prompt(request.prompt) for request in requests]
        # What must be alike in one call to the model: the beam, the language that align() starts from, and the index
        # of <|startoftranscript|>, without which CTranslate2 refuses the batch.
        groups: defaultdict[Hashable, list[int]] = defaultdict(list)
        for i, request in enumerate(requests):
            groups[request.final, request.language or i, len(prompts[i])].append(i)
        hypotheses: dict[int, Hypothesis] = {}
        for members in groups.values():
            decoded = self._transcribe_alike([requests[i] for i in members], [prompts[i] for i in members])
            hypotheses.update(zip(members, decoded, strict=True))
        return [hypotheses[i] for i in range(len(requests))]

    def encoder_frames(self, samples: int) -> int:
        """Mel frames that the encoder hears for a span: rounded up, so that neighbours in length share a batch."""
        wanted = samples / HOP_SAMPLES + self.config.margin_s * FRAMES_PER_SECOND
        frames = -(-int(wanted) // FRAME_STEP) * FRAME_STEP
        if frames // 2 == self.model.n_mels:  # CTranslate2 takes an encoder output of that length for a mel
            frames += FRAME_STEP
        return min(frames, FULL_FRAMES)

    def _transcribe_alike(self, requests: list[AsrRequest], prompts: list[list[int]]) -> list[Hypothesis]:
        frames = max(self.encoder_frames(len(request.audio)) for request in requests)
        tries = self._decode(requests, prompts, frames)
        if not requests[0].final:  # a doubtful partial is not shown; the next one is seconds away
            return [Hypothesis("", one.hypothesis.language) if one.suspicious else one.hypothesis for one in tries]
        for wider in (min(frames + WIDER_FRAMES, FULL_FRAMES), FULL_FRAMES):
            doubtful = [i for i, one in enumerate(tries) if one.suspicious and one.frames < wider]
            if doubtful:  # without the prompt, which is what a loop feeds on
                again = self._decode([requests[i] for i in doubtful], [[] for _ in doubtful], wider)
                for i, second in zip(doubtful, again, strict=True):
                    better = second if _is_better(second, tries[i]) else tries[i]
                    tries[i] = replace(better, hypothesis=replace(better.hypothesis, retried=True), frames=wider)
        tries = [self._to_the_end(request, one) for request, one in zip(requests, tries, strict=True)]
        return [_without_phantom(one.hypothesis, r.speech_s) for one, r in zip(tries, requests, strict=True)]

    def _to_the_end(self, request: AsrRequest, one: _Try) -> _Try:
        """Goes on from the last timestamp where Whisper stopped before the end, as it may after a change of speaker.

        A span has no silence longer than a pause, so a long rest holds speech (Radford et al. 2022, section 4.5).
        """
        for _ in range(MAX_RESTS):
            said, at = one.hypothesis, int(one.heard_s * SAMPLE_RATE)
            rest = request.audio[at:]
            if one.suspicious or not said.text or rest.size < REST_S * SAMPLE_RATE:
                return one
            prompt = self._prompt(f"{request.prompt} {said.text}")
            more = replace(request, audio=rest, language=said.language)
            (found,) = self._decode([more], [prompt], self.encoder_frames(len(rest)))
            if found.suspicious or not found.hypothesis.text:
                return one
            words = tuple(
                replace(w, start=round(w.start + one.heard_s, 2), end=round(w.end + one.heard_s, 2))
                for w in found.hypothesis.words
            )
            joined = replace(said, text=f"{said.text} {found.hypothesis.text}", words=said.words + words)
            one = replace(one, hypothesis=joined, heard_s=one.heard_s + found.heard_s)
        return one

    def _decode(self, requests: list[AsrRequest], prompts: list[list[int]], frames: int) -> list[_Try]:
        mel = self._mel.array([request.audio for request in requests], frames)
        encoded = self.model.encode(ctranslate2.StorageView.from_array(mel))
        final = requests[0].final
        language = self._language(requests[0], encoded)
        task = self._task(language)
        # Timestamp tokens cost steps, and keep a final from skipping a speaker or running on into the silence.
        ending = [] if final and self.config.timestamps else [self._id("<|notimestamps|>")]
        longest_s = max(request.audio.size for request in requests) / SAMPLE_RATE
        limit = min(MAX_TOKENS, 16 + int(longest_s * TOKENS_PER_SECOND))
        starts = [[*([self._id("<|startofprev|>"), *prompt] if prompt else []), *task, *ending] for prompt in prompts]
        results = self.model.generate(
            encoded,
            starts,
            beam_size=self.config.final_beam if final else 1,
            max_length=2 * max(limit, len(starts[0])),  # CTranslate2 halves it, and takes the prompt off the whole
            return_scores=True,
            return_no_speech_prob=True,
        )
        tokens = [[t for t in result.sequences_ids[0] if t < self._end_of_text] for result in results]
        words = self._align(encoded, task, tokens, requests) if final else [()] * len(requests)
        return [
            self._judged(request, result, found, timed, language, limit, frames)
            for request, result, found, timed in zip(requests, results, tokens, words, strict=True)
        ]

    def _judged(
        self,
        request: AsrRequest,
        result: Any,
        tokens: list[int],
        words: tuple[Word, ...],
        language: str,
        limit: int,
        frames: int,
    ) -> _Try:
        text = self.tokenizer.decode(tokens).strip()
        hypothesis = Hypothesis(text, language, result.scores[0], result.no_speech_prob, words)
        ids = result.sequences_ids[0]
        closed = bool(ids) and ids[-1] > self._end_of_text  # every id above it that is left is a timestamp
        seconds = request.audio.size / SAMPLE_RATE
        doubt = suspicious(text, hypothesis.logprob, len(ids) >= limit, closed, seconds)
        heard_s = (ids[-1] - self._first_timestamp) * SECONDS_PER_POSITION if closed else seconds
        return _Try(hypothesis, doubt, frames, heard_s)

    def _align(
        self, encoded: Any, task: list[int], tokens: list[list[int]], requests: list[AsrRequest]
    ) -> list[tuple[Word, ...]]:
        if not any(tokens):
            return [() for _ in tokens]
        frames = [request.audio.size // HOP_SAMPLES for request in requests]
        aligned = self.model.align(encoded, task, tokens, frames)
        return [
            timed_words(self.tokenizer, found, Alignment(result.alignments, result.text_token_probs)) if found else ()
            for found, result in zip(tokens, aligned, strict=True)
        ]

    def _language(self, request: AsrRequest, encoded: Any) -> str:
        if not self.multilingual:
            return "en"
        if request.language is not None:
            return request.language
        token: str = self.model.detect_language(encoded)[0][0][0]
        return token.strip("<|>")

    def _task(self, language: str) -> list[int]:
        names = [f"<|{language}|>", "<|transcribe|>"] if self.multilingual else []
        return [self._id(name) for name in ("<|startoftranscript|>", *names)]

    def _prompt(self, text: str) -> list[int]:
        if not text:
            return []
        tokens: list[int] = self.tokenizer.encode(" " + text.strip(), add_special_tokens=False).ids
        return tokens[-self.config.prompt_tokens :]

    def _id(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(
                f"the model's tokenizer.json has no {token}: not a Whisper tokenizer, or not that language"
            )
        return int(found)


def _use_avx512() -> None:
    """CTranslate2 takes AVX2 unless it is told otherwise; with AVX-512 a final is decoded a tenth faster."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())
    except OSError:
        return
    if {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")


def _is_better(second: _Try, first: _Try) -> bool:
    return not second.suspicious or second.hypothesis.logprob > first.hypothesis.logprob


def _without_phantom(hypothesis: Hypothesis, speech_s: float) -> Hypothesis:
    if is_phantom(hypothesis.text, hypothesis.no_speech, hypothesis.logprob, speech_s):
        return replace(hypothesis, text="", words=())
    return hypothesis
