"""Sessions that are declared English and are not, or that change their language: which language is written, and what.

    python -m benchmarks.speech.languages --voices DIR [--kept DIR] [--corpus DIR] [--clips DIR] [--half tune]
        [--engines pico flite] [--output FILE]

Sentences of about 4 s in English, Spanish, German and French (data/languages.json), spoken by synthetic voices with a
pause between them, go through the real Pipeline as sessions that are declared English:

- declared: one language that is not English, from the first word to the last;
- changes: English, then another language, then English again;
- english: English alone, some of it by voices of other languages, which have an accent.

A segment is right where the language that it is marked with is the one that was spoken. Invented English is a segment
over speech in another language that is marked as English, or that holds English function words whatever its mark says.
`share_of_words` is the share of the words of a sentence that its segments hold, and says whether it was understood.
With --corpus and --clips, which are English, every change of language and every segment in another language is false.

DIR holds the voices' packages (benchmarks/README.md); --kept keeps spoken sentences for the next run. Odd sentences are
`held-out`, even ones `tune`. The last line is JSON.
"""

import argparse
import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.common.corpus import Recording, clips, consultations, pcm, word_errors
from benchmarks.common.machine import card
from benchmarks.common.result import deliver
from benchmarks.common.streaming import Engine, play
from benchmarks.speech.synthesis import voices
from benchmarks.speech.synthesis.voices import Voice
from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE, AsrConfig, EngineConfig, SegmenterConfig
from inference.pipeline import Pipeline
from inference.stream import StreamOptions
from inference.transcript import Segment
from inference.updates import Notice, TranscriptUpdate, Update
from inference.weights.models import default_cache, resolve

TEXTS = Path(__file__).parents[1] / "data" / "languages.json"

CAST = {
    "en": ("kokoro:af_heart", "pico:en-GB", "flite:slt", "kokoro:ef_dora@en-us", "kokoro:ff_siwis@en-us"),
    "es": ("kokoro:ef_dora", "kokoro:em_alex", "pico:es-ES"),
    "de": ("pico:de-DE", "pico:de-DE/0.8"),
    "fr": ("kokoro:ff_siwis", "pico:fr-FR", "pico:fr-FR/0.8"),
}
"""espeak-ng's voices of these languages, and Kokoro's English ones in German, are not heard by base: half of their
words are lost in their own language (benchmarks/LOG.md). /0.8 lowers the pitch."""

HALVES = ("tune", "held-out")
SENTENCES = 8
"""Of a session; in one that changes its language a quarter each at the beginning and at the end are English."""

PAUSE_S = 1.3
NEVER_S = 1e6
ENGLISH = frozenset(
    re.findall(r"\S+", "the and is are you have has were with that this my your it of for not i'm it's")
)
"""Function words that none of the other languages has: "was" is German too, "me" is Spanish and French."""

MANY = 3
"""Different English function words in a segment that make it English."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said, in which language, and from which second to which."""

    language: str
    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A session: its kind, the language and the voice that it is about, its audio and what is said in it."""

    kind: str
    language: str
    voice: str
    audio: Samples
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class SessionText:
    """What a session was told: the text, and the messages of its notices of another language."""

    finals: list[Segment]
    notices: list[str]


@dataclass(frozen=True, slots=True)
class Judged:
    """Counts of one scene, and what was written in another language than was spoken."""

    counts: Counter[str]
    wrong: list[str]


class Studio:
    """Speaks sentences, once each."""

    def __init__(self, folder: Path, kept: Path | None, half: str) -> None:
        self._folder, self._kept = folder, kept
        texts: dict[str, list[str]] = json.loads(TEXTS.read_text())
        self.texts = {language: said[HALVES.index(half) :: 2][:SENTENCES] for language, said in texts.items()}
        self._half = half
        self._takes: dict[tuple[str, str], list[Samples]] = {}

    def takes(self, language: str, voice: str) -> list[Samples]:
        """Every sentence of the half in the voice."""
        key = (language, voice)
        if key not in self._takes:
            name = re.sub(r"\W", "_", f"{voice}-{self._half}")
            path = self._kept / f"{name}.npz" if self._kept else None
            if path is not None and path.exists():
                with np.load(path) as file:
                    self._takes[key] = [file[name].astype(np.float32) / 32767 for name in file.files]
            else:
                say = voices.load(Voice(voice), self._folder, 1)
                self._takes[key] = [say(text) for text in self.texts[language]]
                if path is not None:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    np.savez(path, *[np.round(take * 32767).astype(np.int16) for take in self._takes[key]])
        return self._takes[key]

    def scene(self, kind: str, language: str, voice: str, parts: Iterable[tuple[str, str, int]]) -> Scene:
        """Sentences one after the other, each (language, voice, number)."""
        pause = np.zeros(int(PAUSE_S * SAMPLE_RATE), np.float32)
        pieces, sentences, at = [pause], [], PAUSE_S
        for spoken, by, number in parts:
            take = self.takes(spoken, by)[number]
            sentences.append(Sentence(spoken, self.texts[spoken][number], at, at + len(take) / SAMPLE_RATE))
            pieces += [take, pause]
            at += (len(take) + len(pause)) / SAMPLE_RATE
        return Scene(kind, language, voice, np.concatenate(pieces), tuple(sentences))


def scenes(studio: Studio, engines: Sequence[str]) -> list[Scene]:
    cast = {language: [v for v in voices if v.partition(":")[0] in engines] for language, voices in CAST.items()}
    found = []
    for language, speakers in cast.items():
        for number, voice in enumerate(speakers):
            alone = [(language, voice, n) for n in range(SENTENCES)]
            found.append(studio.scene("english" if language == "en" else "declared", language, voice, alone))
            if language == "en":
                continue
            english = cast["en"][number % min(3, len(cast["en"]))]
            first, last = SENTENCES // 4, SENTENCES - SENTENCES // 4
            parts = [("en", english, n) for n in range(first)]
            parts += [(language, voice, n) for n in range(first, last)]
            parts += [("en", english, n) for n in range(last, SENTENCES)]
            found.append(studio.scene("changes", language, voice, parts))
    return found


async def hear(pipeline: Pipeline, audio: Samples, name: str) -> SessionText:
    """The finals and the notices of a session that is declared English. Raises RuntimeError where a span is lost."""
    updates: list[Update] = []
    await play(pipeline, pcm(audio), updates.append, StreamOptions(language="en"), session=name)
    said = [u.segment for u in updates if isinstance(u, TranscriptUpdate) and u.segment.final and u.segment.text]
    return SessionText(said, [u.message for u in updates if isinstance(u, Notice) and u.code == "language_changed"])


def spoken_under(segment: Segment, sentences: Sequence[Sentence]) -> Sentence:
    """The sentence that the segment lies over most."""
    return max(sentences, key=lambda s: min(s.end, segment.end) - max(s.start, segment.start))


def is_english(text: str) -> bool:
    """Whether a text that should be in another language is English, whatever its mark says."""
    return len(ENGLISH & set(plain(text))) >= MANY


def plain(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower().replace("’", "'"))


def judged(scene: Scene, heard: SessionText) -> Judged:
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    said: dict[Sentence, Counter[str]] = {sentence: Counter() for sentence in scene.sentences}
    for segment in heard.finals:
        sentence = spoken_under(segment, scene.sentences)
        written = segment.language or "en"
        foreign = sentence.language != "en"
        said[sentence].update(plain(segment.text))
        counts["segments"] += 1
        counts["right"] += written == sentence.language
        counts["foreign"] += foreign
        invented = foreign and (written == "en" or is_english(segment.text))
        counts["invented_english"] += invented
        if written != sentence.language or invented:
            wrong.append(f"{sentence.language} as {written}: {segment.text}")
    for sentence, found in said.items():
        words = Counter(plain(sentence.text))
        group = "english_words" if sentence.language == "en" else "foreign_words"
        counts[group] += words.total()
        counts[f"{group}_found"] += (words & found).total()
    expected = {"english": 0, "declared": 1, "changes": 2}[scene.kind]
    counts["notices"] += len(heard.notices)
    counts["scenes"] += 1
    counts["scenes_with_right_notices"] += len(heard.notices) == expected
    return Judged(counts, wrong)


def summed(rows: Iterable[Counter[str]]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row)
    found: dict[str, float] = dict(total)
    found["right_share"] = round(total["right"] / max(1, total["segments"]), 4)
    for group in ("english", "foreign"):
        if total[f"{group}_words"]:
            found[f"{group}_share_of_words"] = round(total[f"{group}_words_found"] / total[f"{group}_words"], 3)
    return found


async def english_alone(pipeline: Pipeline, recordings: Sequence[Recording]) -> dict[str, object]:
    """What goes wrong in recordings that are English, and their word error rate."""
    segments, marked, notices, texts = 0, [], [], []
    began = time.process_time()
    for recording in recordings:
        heard = await hear(pipeline, recording.audio, recording.name)
        segments += len(heard.finals)
        texts.append(" ".join(segment.text for segment in heard.finals))
        marked += [f"{recording.name} {s.language} {s.start}: {s.text}" for s in heard.finals if s.language]
        notices += [f"{recording.name}: {message}" for message in heard.notices]
    seconds = sum(recording.seconds for recording in recordings)
    spoken = [(recording.text, text) for recording, text in zip(recordings, texts, strict=True) if recording.text]
    return {
        "recordings": len(recordings),
        "seconds": round(seconds),
        "cpu_s_per_audio_s": round((time.process_time() - began) / seconds, 4),
        "wer": word_errors([said for said, _ in spoken], [text for _, text in spoken]).wer,
        "segments": segments,
        "in_another_language": marked,
        "false_changes": notices,
    }


async def measure(args: argparse.Namespace) -> dict[str, object]:
    torch.set_num_threads(1)
    config = EngineConfig(
        segmenter=SegmenterConfig(partial_every_s=NEVER_S, partial_first_s=NEVER_S), asr=AsrConfig(workers=args.workers)
    )
    studio = Studio(args.voices, args.kept, args.half)
    result: dict[str, object] = {
        "benchmark": "languages",
        "model": args.model,
        "half": args.half,
        "engines": args.engines,
        "machine": card(),
    }
    every = await asyncio.to_thread(scenes, studio, args.engines)
    by_scene: dict[tuple[str, str, str], Counter[str]] = {}
    wrong: list[str] = []
    async with Engine(resolve(args.model, default_cache()), config) as engine:
        began, audio_s = time.process_time(), 0.0
        gate = asyncio.Semaphore(args.workers)

        async def one(scene: Scene) -> None:
            async with gate:
                heard = await hear(engine.pipeline, scene.audio, f"{scene.kind} {scene.voice}")
            found = judged(scene, heard)
            by_scene[scene.kind, scene.language, scene.voice] = found.counts
            lines = [f"{scene.kind} {scene.voice} {line}" for line in found.wrong]
            wrong.extend(lines)
            print(scene.kind, scene.voice, summed([found.counts]), *lines, sep="\n  ", flush=True)

        await asyncio.gather(*map(one, every))
        audio_s = sum(len(scene.audio) for scene in every) / SAMPLE_RATE
        result["cpu_s_per_audio_s"] = round((time.process_time() - began) / audio_s, 4)
        result["audio_s"] = round(audio_s)
        if args.corpus:
            result["corpus"] = await english_alone(engine.pipeline, consultations(args.corpus, args.seconds))
            print(result["corpus"], flush=True)
        if args.clips:
            result["clips"] = await english_alone(engine.pipeline, clips(args.clips))
            print(result["clips"], flush=True)
    result["all"] = summed(by_scene.values())
    for field, at in (("by_kind", 0), ("by_language", 1), ("by_voice", 2)):
        names = sorted({key[at] for key in by_scene})
        result[field] = {name: summed(c for key, c in by_scene.items() if key[at] == name) for name in names}
    result["wrong"] = sorted(wrong)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=Path, required=True, help="folder with the packages of neural voices and Pico")
    parser.add_argument("--kept", type=Path, help="folder that keeps spoken sentences for the next run")
    parser.add_argument("--half", choices=HALVES, default="held-out")
    parser.add_argument("--engines", nargs="+", default=["kokoro", "pico", "flite"], help="of the voices to use")
    parser.add_argument("--corpus", type=Path, help="English consultations: every change there is false")
    parser.add_argument("--seconds", type=float, help="the first so many of each consultation only")
    parser.add_argument("--clips", type=Path, help="English clips, and noise")
    parser.add_argument("--model", default="base")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    deliver(asyncio.run(measure(args)), args.output)


if __name__ == "__main__":
    main()
