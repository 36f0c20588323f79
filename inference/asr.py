"""Whisper through CTranslate2: a list of spans in, a list of hypotheses out. The only import of ctranslate2.

The encoder hears the span and a margin of silence instead of 30 s, which is where most of a small model's time goes.
A shortened input makes Whisper loop now and then, so every hypothesis passes a guard (inference/guard.py); a suspicious
one is decoded again with the full window that the model was trained on.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

from inference.config import SAMPLE_RATE, AsrConfig
from inference.guard import suspicious
from inference.hypothesis import AsrRequest, Hypothesis
from inference.mel import FRAMES_PER_SECOND, HOP_SAMPLES, LogMel
from inference.transcript import Word

FULL_FRAMES = 3000
FRAME_STEP = 100
MIN_FRAMES = 300
MAX_TOKENS = 224
SECONDS_PER_POSITION = 0.02


@dataclass(frozen=True, slots=True)
class _Decoded:
    tokens: list[int]
    text: str
    logprob: float
    no_speech: float
    hit_limit: bool


class WhisperAsr:
    """One Whisper on one device. Safe to call from as many threads as `config.workers`."""

    def __init__(self, model_dir: Path, config: AsrConfig | None = None) -> None:
        self.config = config or AsrConfig()
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
        self._eot = self._id("<|endoftext|>")
        self._first_special = self._eot

    def transcribe(self, requests: Sequence[AsrRequest]) -> list[Hypothesis]:
        """Hypotheses in the order of the requests; `text` is empty where nothing was said."""
        hypotheses: list[Hypothesis | None] = [None] * len(requests)
        prompts = [self._prompt_tokens(request) for request in requests]
        # One call to the model: one beam, and <|startoftranscript|> at one index, or CTranslate2 refuses the batch.
        groups: defaultdict[tuple[bool, int], list[int]] = defaultdict(list)
        for i, request in enumerate(requests):
            groups[request.final, len(prompts[i])].append(i)
        for members in groups.values():
            done = self._decode_group([requests[i] for i in members], [prompts[i] for i in members])
            for i, hypothesis in zip(members, done, strict=True):
                hypotheses[i] = hypothesis
        return [hypothesis for hypothesis in hypotheses if hypothesis is not None]

    def encoder_frames(self, samples: int) -> int:
        """Mel frames that the encoder hears for a span: rounded up, so that neighbours in length share a batch."""
        wanted = samples / HOP_SAMPLES + self.config.margin_s * FRAMES_PER_SECOND
        frames = max(MIN_FRAMES, -(-int(wanted) // FRAME_STEP) * FRAME_STEP)
        if frames // 2 == self.model.n_mels:  # CTranslate2 takes such an encoder output for a mel
            frames += FRAME_STEP
        return min(frames, FULL_FRAMES)

    def _decode_group(self, requests: list[AsrRequest], prompts: list[list[int]]) -> list[Hypothesis]:
        frames = max(self.encoder_frames(len(request.audio)) for request in requests)
        encoded = self._encode(requests, frames)
        languages = self._languages(requests, encoded)
        decoded = self._generate(encoded, requests, prompts, languages)
        hypotheses = self._hypotheses(requests, decoded, languages, encoded)
        again = [
            i
            for i, d in enumerate(decoded)
            if suspicious(d.text, d.logprob, d.hit_limit, requests[i].audio.size / SAMPLE_RATE)
        ]
        if again and frames < FULL_FRAMES:
            retry = [requests[i] for i in again]
            encoded = self._encode(retry, FULL_FRAMES)
            tags = [languages[i] for i in again]
            second = self._generate(encoded, retry, [[] for _ in again], tags)
            redone = self._hypotheses(retry, second, tags, encoded)
            for i, d, hypothesis in zip(again, second, redone, strict=True):
                still = suspicious(d.text, d.logprob, d.hit_limit, requests[i].audio.size / SAMPLE_RATE)
                if not still or d.logprob > decoded[i].logprob:
                    hypotheses[i] = replace(hypothesis, retried=True)
        return hypotheses

    def _encode(self, requests: list[AsrRequest], frames: int) -> Any:
        mel = self._mel([request.audio for request in requests], frames)
        return self.model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(mel.numpy())))

    def _languages(self, requests: list[AsrRequest], encoded: Any) -> list[str]:
        if not self.multilingual:
            return ["en"] * len(requests)
        if all(request.language for request in requests):
            return [request.language or "en" for request in requests]
        detected = [ranked[0][0].strip("<|>") for ranked in self.model.detect_language(encoded)]
        return [request.language or found for request, found in zip(requests, detected, strict=True)]

    def _generate(
        self, encoded: Any, requests: list[AsrRequest], prompts: list[list[int]], languages: list[str]
    ) -> list[_Decoded]:
        starts = [
            ([self._id("<|startofprev|>"), *prompt] if prompt else []) + self._task(language)
            for prompt, language in zip(prompts, languages, strict=True)
        ]
        seconds = max(request.audio.size for request in requests) / SAMPLE_RATE
        limit = min(MAX_TOKENS, 16 + int(seconds * 8) + 10 * self.config.timestamps)
        results = self.model.generate(
            encoded,
            starts,
            beam_size=self.config.final_beam if requests[0].final else 1,
            # CTranslate2 halves this for Whisper, and counts the prompt against it.
            max_length=2 * max(limit, len(starts[0])),
            return_scores=True,
            return_no_speech_prob=True,
        )
        return [self._decoded(result, limit) for result in results]

    def _decoded(self, result: Any, limit: int) -> _Decoded:
        tokens = [token for token in result.sequences_ids[0] if token < self._first_special]
        text = self.tokenizer.decode(tokens).strip()
        return _Decoded(tokens, text, result.scores[0], result.no_speech_prob, len(result.sequences_ids[0]) >= limit)

    def _hypotheses(
        self, requests: list[AsrRequest], decoded: list[_Decoded], languages: list[str], encoded: Any
    ) -> list[Hypothesis]:
        return [
            Hypothesis(d.text, language, d.logprob, d.no_speech) for d, language in zip(decoded, languages, strict=True)
        ]

    def _task(self, language: str) -> list[int]:
        names = ["<|startoftranscript|>"]
        if self.multilingual:
            names += [f"<|{language}|>", "<|transcribe|>"]
        return [self._id(name) for name in names] + ([] if self.config.timestamps else [self._id("<|notimestamps|>")])

    def _prompt_tokens(self, request: AsrRequest) -> list[int]:
        if not request.prompt:
            return []
        tokens: list[int] = self.tokenizer.encode(" " + request.prompt.strip(), add_special_tokens=False).ids
        return tokens[-self.config.prompt_tokens :]

    def _id(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(f"the model's tokenizer.json has no {token}: not a Whisper tokenizer")
        return int(found)
