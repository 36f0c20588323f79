"""Whisper through CTranslate2: a list of spans in, a list of hypotheses out. The only import of ctranslate2.

The encoder hears the span and a margin of silence instead of 30 s, which is where most of a small model's time goes.
Every call is one pass: second tries are the queue's business (inference/asr/recognition.py).
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

from inference.asr.encoding.encoder import Encoder
from inference.asr.encoding.lengths import HOP_SAMPLES, longest_s
from inference.asr.encoding.mel import LogMel, Mel
from inference.asr.guard import crammed, suspicious
from inference.asr.hypothesis import AsrRequest, Hypothesis, Rehearsal
from inference.asr.language import WEAK_LOGPROB, HeardLanguage, likeliest
from inference.asr.leads.beam import Found, behind_lead
from inference.asr.words import SECONDS_PER_POSITION, Alignment, timed_words
from inference.config import SAMPLE_RATE, AsrConfig
from inference.device import cublas, memory_pool
from inference.device.faults import OutOfMemory, device_faults
from inference.device.priority import yielding
from inference.terms.alternatives import Names, preferred
from inference.transcript import Word
from inference.weights import variables

MAX_HINT_TOKENS = 96
MAX_TOKENS = 224

ROOM = 16
"""Tokens that any text may have above those of its length."""

PARTIAL_ROOM = 8
PARTIAL_TOKENS_PER_SECOND = 5.0
"""The limit of an English partial. Of 77 partials of three consultations, those without a loop had at most 20 words
where it is 43 tokens, and 9 where it is 23 (benchmarks/LOG.md). Other languages may have several tokens for a word."""
_LANGUAGE_TOKEN = re.compile(r"<\|([a-z]{2,3})\|>")

OPENERS = frozenset("-[(♪*")
"""What text that nobody said begins with: "[MUSIC]", "(coughs)", and the dash that a subtitle puts before a speaker."""


class WhisperAsr:
    """One Whisper on one device. Safe to call from as many threads as `config.workers`.

    `model_dir` holds a model in CTranslate2 format (`inference.weights.models.resolve`). Raises ValueError if the
    device does not know the compute type or the tokenizer is not Whisper's, RuntimeError if the weights cannot be
    loaded. `names` counts the clinical names of an English text, and decides between finals that are almost equally
    likely (inference/terms/alternatives.py); without it the likeliest is taken.
    """

    def __init__(self, model_dir: Path, config: AsrConfig | None = None, names: Names | None = None) -> None:
        self.config = config or AsrConfig()
        self._names = names if self.config.weigh_names else None
        if self.config.device == "cpu":
            _use_avx512()
        else:
            cublas.preload()
            if self.config.keep_memory:
                memory_pool.keep(self.config.device_index)  # before anything is allocated
        self._model_dir = model_dir
        self.model = self._load()
        self.tokenizer: Tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
        self.multilingual: bool = self.model.is_multilingual
        on_device = "cpu" if self.config.device == "cpu" else f"cuda:{self.config.device_index}"
        self.languages = self._languages()
        self._mel = LogMel(self.model.n_mels, on_device, own_stream=self.config.mel_stream)
        self._encoder = self._torch_encoder(on_device) if self.config.torch_encoder else None
        self._end_of_text = self._id("<|endoftext|>")  # every id from here on is a special token
        self._suppressed = self._suppressed_tokens()

    def restart(self) -> None:
        """Loads the model again after a DeviceError. No other thread may be in `transcribe`. Raises RuntimeError."""
        self.model.unload_model()
        self._mel.release()
        self.model = self._load()

    def prepare(self, requests: Sequence[AsrRequest]) -> list[Mel]:
        """The log-mel [mels, frames] of each request, on the device: for the next batch while another one decodes."""
        with self._on_device():
            by_length: defaultdict[int, list[int]] = defaultdict(list)
            for i, request in enumerate(requests):
                by_length[self.frames(request)].append(i)
            mels: dict[int, Mel] = {}
            for frames, members in by_length.items():
                batch = self._mel([requests[i].heard for i in members], frames)
                mels.update(zip(members, batch, strict=True))
            self._mel.synchronize()
            return [mels[i] for i in range(len(requests))]

    def transcribe(self, requests: Sequence[AsrRequest], mels: Sequence[Mel | None] | None = None) -> list[Hypothesis]:
        """Hypotheses in the order of the requests; `text` is empty where nothing was said.

        `mels` are what `prepare` made of them, None where it did not. Raises DeviceError if the device failed.
        """
        with self._on_device():
            mels = list(mels or [None] * len(requests))
            missing = [i for i, mel in enumerate(mels) if mel is None]
            if missing:
                made = self.prepare([requests[i] for i in missing])
                for i, mel in zip(missing, made, strict=True):
                    mels[i] = mel
            prompts = [self._prompt(request) for request in requests]
            # What must be alike in one call to the model: the encoder's length, the limit of tokens, the beam, the
            # language that align() starts from, and the index of <|startoftranscript|>, or CTranslate2 refuses it.
            groups: defaultdict[Hashable, list[int]] = defaultdict(list)
            for i, request in enumerate(requests):
                limit = self._token_limit(request)
                groups[self.frames(request), limit, request.final, request.language or i, len(prompts[i])].append(i)
            hypotheses: dict[int, Hypothesis] = {}
            for members in groups.values():
                alike = [requests[i] for i in members]
                decoded = self._decode(alike, [prompts[i] for i in members], [mels[i] for i in members])
                hypotheses.update(zip(members, decoded, strict=True))
            return [hypotheses[i] for i in range(len(requests))]

    def frames(self, request: AsrRequest) -> int:
        """Mel frames that the encoder hears for a request."""
        return request.encoder_frames(self.config)

    def rehearse(self, rehearsal: Rehearsal) -> None:
        """Decodes a batch of noise as a live batch is decoded. Raises DeviceError or OutOfMemory."""
        rng = np.random.default_rng(0)
        noise = (0.01 * rng.standard_normal(int(rehearsal.seconds * SAMPLE_RATE))).astype(np.float32)
        longest = AsrRequest(noise, rehearsal.final, rehearsal.language, frames=rehearsal.frames)
        alike = replace(longest, frames=self.frames(longest))
        # The spans differ in length and share a rung of the ladder, as live ones do: align() works row by row then.
        requests = [replace(alike, audio=noise[: len(noise) - i * HOP_SAMPLES]) for i in range(rehearsal.batch)]
        longest_prompt = self._prompt_lengths(rehearsal.final)[0]
        prompt = [self._end_of_text - 1] * longest_prompt if rehearsal.prompted else []
        with self._on_device():
            self._decode(requests, [prompt] * rehearsal.batch, self.prepare(requests), rehearsal.tokens)

    @contextmanager
    def _on_device(self) -> Iterator[None]:
        """Tells failures of the device from those of an item; out of memory, gives back what torch has cached."""
        with device_faults():
            try:
                with device_faults():
                    yield
            except OutOfMemory:
                self._mel.release()
                raise

    def _load(self) -> Any:
        """The model. On a CPU its threads yield to the others of the process, to the event loop above all."""
        return yielding(self._loaded) if self.config.device == "cpu" else self._loaded()

    def _loaded(self) -> Any:
        return ctranslate2.models.Whisper(
            str(self._model_dir),
            device=self.config.device,
            device_index=self.config.device_index,
            compute_type=self.config.compute_type,
            inter_threads=self.config.workers,
            intra_threads=self.config.threads,
        )

    def _torch_encoder(self, device: str) -> Encoder:
        # CTranslate2 converts the output to the type in which its decoder computes.
        exact = device == "cpu" or self.config.compute_type in ("float32", "int8_float32")
        weights = variables.read(self._model_dir / "model.bin")
        return Encoder(weights, device, half=not exact)

    def _decode(
        self, requests: list[AsrRequest], prompts: list[list[int]], mels: list[Any], forced: int = 0
    ) -> list[Hypothesis]:
        """Hypotheses of requests that may share a call; `forced` makes each say so many tokens (see `Rehearsal`)."""
        encoded = self.encode(mels)
        final = requests[0].final
        detected = self._detect(requests, encoded) if requests[0].language is None else None
        language = requests[0].language or (detected[0].code if detected else "en")
        task = self._task(language)
        # Timestamp tokens cost steps, and keep a final from skipping a speaker or running on into the silence.
        ending = [] if final and self.config.timestamps else [self._id("<|notimestamps|>")]
        limit = forced or self._token_limit(requests[0])
        names = self._names if final and language == "en" and not forced else None
        starts = [[*([self._id("<|startofprev|>"), *prompt] if prompt else []), *task, *ending] for prompt in prompts]
        leads = [self._lead(request, timed=not ending) for request in requests]
        results = self.model.generate(
            encoded,
            [[*start, *lead] for start, lead in zip(starts, leads, strict=True)],
            beam_size=self.config.final_beam if final else 1,
            num_hypotheses=self.config.final_beam if names is not None or any(leads) else 1,
            # CTranslate2 decodes until half of it, or until all of it less the start sequence: exactly `limit`.
            max_length=limit + max(limit, len(starts[0]) - 1),
            suppress_tokens=[*self._suppressed, self._end_of_text] if forced else self._suppressed,
            return_scores=True,
            return_no_speech_prob=True,
        )
        beams = [
            behind_lead(result.sequences_ids, result.scores, len(lead))
            for result, lead in zip(results, leads, strict=True)
        ]
        chosen = [beam[0 if names is None else self._preferred(beam, names)] for beam in beams]
        tokens = [self._spoken(found.ids) for found in chosen]
        if forced:  # alignment costs what the words cost, which are there in any text
            tokens = [[self._end_of_text - 1] * forced] * len(requests)
        words = self._align(encoded, task, tokens, [self._spoken(lead) for lead in leads], requests)
        judged = [
            self._judged(request, found, result.no_speech_prob, timed, language, limit - len(lead))
            for request, result, found, timed, lead in zip(requests, results, chosen, words, leads, strict=True)
        ]
        # A partial's text is mostly right and soon replaced: its language is looked for only where the text is weak.
        wanted = [final or said.doubtful or said.logprob < WEAK_LOGPROB for said in judged]
        if detected is None and any(wanted):
            detected = self._detect(requests, encoded)
        if detected is None:
            return judged
        return [
            replace(said, heard=heard) if want else said
            for said, heard, want in zip(judged, detected, wanted, strict=True)
        ]

    def _spoken(self, ids: Sequence[int]) -> list[int]:
        return [t for t in ids if t < self._end_of_text]

    def _preferred(self, beam: Sequence[Found], names: Names) -> int:
        """Index of the hypothesis of a beam that its final takes."""
        texts = [self.tokenizer.decode(self._spoken(found.ids)) for found in beam]
        return preferred([found.logprob for found in beam], texts, names)

    def encode(self, mels: Sequence[Mel]) -> Any:
        """Encoder output of mels of one length: [batch, frames / 2, features]."""
        if self._encoder is not None:
            output = self._encoder(mels)
            return ctranslate2.StorageView.from_array(output if output.is_cuda else output.numpy())
        if self.config.device == "cuda":
            return self.model.encode(ctranslate2.StorageView.from_array(self._mel.batch(mels)))
        # One by one: each fits the cache of its core, which a batch of them does not (benchmarks/LOG.md).
        outputs = [
            np.array(self.model.encode(ctranslate2.StorageView.from_array(mel.unsqueeze(0).contiguous().numpy())))
            for mel in mels
        ]
        return ctranslate2.StorageView.from_array(np.concatenate(outputs))

    def _token_limit(self, request: AsrRequest) -> int:
        """From the length of the ladder, not of the span, so that those who share a batch share the limit.

        What a partial says in a loop is cut before it is shown, so an English one, whose rate is known, ends sooner.
        """
        margin_s = self.config.final_margin_s if request.final else self.config.margin_s
        seconds = longest_s(request.samples, margin_s, self.config.ladder)
        if request.final or request.language != "en":
            return min(MAX_TOKENS, ROOM + int(seconds * self.config.tokens_per_second))
        return PARTIAL_ROOM + int(seconds * PARTIAL_TOKENS_PER_SECOND)

    def _judged(
        self,
        request: AsrRequest,
        found: Found,
        no_speech: float,
        words: tuple[Word, ...],
        language: str,
        limit: int,
    ) -> Hypothesis:
        text = self.tokenizer.decode(self._spoken(found.ids)).strip()
        # An unlikely partial may be half a word: only loops are distrusted.
        likely = found.logprob if request.final else 0.0
        doubtful = self.config.guard and suspicious(
            text, likely, len(found.ids) >= limit, crammed(words), request.seconds
        )
        return Hypothesis(text, language, found.logprob, no_speech, words, doubtful, tokens=len(found.ids))

    def _align(
        self,
        encoded: Any,
        task: list[int],
        tokens: list[list[int]],
        leads: list[list[int]],
        requests: list[AsrRequest],
    ) -> list[tuple[Word, ...]]:
        """The words of `tokens`, aligned together with the lead before them, in seconds of their own span."""
        if not any(tokens):
            return [() for _ in tokens]
        tokens = [[*lead, *found] for lead, found in zip(leads, tokens, strict=True)]
        frames = [request.samples // HOP_SAMPLES for request in requests]
        if self.config.device == "cpu":
            # One by one: as fast, and the same times whoever shares the batch. For spans of one length, CTranslate2
            # counts the padding of a shorter text as tokens.
            rows = np.array(encoded)  # [batch, frames / 2, features]
            aligned = [
                self.model.align(
                    ctranslate2.StorageView.from_array(rows[i : i + 1]), task, tokens[i : i + 1], [length]
                )[0]
                for i, length in enumerate(frames)
            ]
        else:
            aligned = self.model.align(encoded, task, tokens, frames)
        return [
            request.own(timed_words(self.tokenizer, found, _alignment(result), len(lead))) if found else ()
            for request, found, lead, result in zip(requests, tokens, leads, aligned, strict=True)
        ]

    def _languages(self) -> frozenset[str]:
        """The codes that `AsrRequest.language` may have: those of the tokenizer, English where there is no choice."""
        if not self.multilingual:
            return frozenset({"en"})
        found = (_LANGUAGE_TOKEN.fullmatch(token) for token in self.tokenizer.get_vocab())
        return frozenset(match[1] for match in found if match)

    def _detect(self, requests: list[AsrRequest], encoded: Any) -> list[HeardLanguage] | None:
        """The language of each span, by one step of the decoder; None where the model knows one language."""
        if not self.multilingual:
            return None
        rows = self.model.detect_language(encoded)
        return [
            likeliest({token.strip("<|>"): p for token, p in row}, request.language)
            for request, row in zip(requests, rows, strict=True)
        ]

    def _suppressed_tokens(self) -> list[int]:
        """Ids that a text may not hold: -1 stands for the model's own list (CTranslate2, `suppress_tokens`)."""
        if self.config.suppress_symbols:
            return [-1]
        path = self._model_dir / "config.json"
        listed: list[int] = json.loads(path.read_text()).get("suppress_ids", []) if path.exists() else []
        return [t for t in listed if t >= self._end_of_text or self.tokenizer.decode([t]).strip()[:1] in OPENERS]

    def _task(self, language: str) -> list[int]:
        names = [f"<|{language}|>", "<|transcribe|>"] if self.multilingual else []
        return [self._id(name) for name in ("<|startoftranscript|>", *names)]

    def _prompt(self, request: AsrRequest) -> list[int]:
        """The last tokens of the text before, of the longest of `_prompt_lengths` that it has, or none of it.

        A batch wants its start token at one index, so there are few lengths; padding costs accuracy (LOG.md). A hint is
        given as it is: few requests have one, and they are decoded in a batch of their own.
        """
        text = request.hint or request.prompt
        if not text:
            return []
        tokens: list[int] = self.tokenizer.encode(" " + text.strip(), add_special_tokens=False).ids
        if request.hint:
            return tokens[-MAX_HINT_TOKENS:]
        lengths = self._prompt_lengths(request.final)
        return next((tokens[-length:] for length in lengths if 0 < length <= len(tokens)), [])

    def _lead(self, request: AsrRequest, timed: bool) -> list[int]:
        """The tokens that the text begins with; where it is `timed`, they end as Whisper ends a passage."""
        if request.lead is None:
            return []
        tokens: list[int] = self.tokenizer.encode(" " + request.lead.text, add_special_tokens=False).ids
        if not timed:
            return tokens
        zero = self._id("<|notimestamps|>") + 1
        return [zero, *tokens, *[zero + round(request.lead.seconds / SECONDS_PER_POSITION)] * 2]

    def _prompt_lengths(self, final: bool) -> tuple[int, ...]:
        """A partial gets half as much: it is greedy and short, so that a long prompt would be most of its work."""
        wanted = self.config.prompt_tokens
        return (wanted, wanted // 2) if final else (wanted // 2,)

    def _id(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(
                f"the model's tokenizer.json has no {token}: not a Whisper tokenizer, or not that language"
            )
        return int(found)


def _alignment(result: Any) -> Alignment:
    return Alignment(result.alignments, result.text_token_probs)


def _use_avx512() -> None:
    """CTranslate2 takes AVX2 unless it is told otherwise; with AVX-512 a final is decoded a tenth faster."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())
    except OSError:
        return
    if {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")
