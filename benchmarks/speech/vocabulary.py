"""Are unusual names written right with a vocabulary, and is nothing made a name that is none?

    python -m benchmarks.speech.vocabulary [--voices FOLDER] [--voice NAME ...] [--corpus FOLDER] [--output FILE]

- benchmarks/data/unusual_names.tsv: 40 medicines, people and places that Whisper does not know, each spoken in two
  sentences of our own. A name is found where it stands in the final, letter for letter but for capitals.
- benchmarks/data/no_names.txt: sentences without them, some of which sound like one ("swollen": Zwolle), and the spans
  of --corpus (a folder of NAME.flac and NAME.json). A name that is written there is false.
Each span is decoded without the vocabulary and with it, by Whisper base (int8) and the recogniser that a server has.
--voice names voices of benchmarks/speech/synthesis (flite:slt and flite:rms if neither a voice nor --corpus is given),
--voices the folder of their packages. The last line is JSON.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.common.corpus import consultations
from benchmarks.common.machine import card
from benchmarks.common.result import deliver
from benchmarks.speech.synthesis.voices import Voice, load
from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.asr.recognition import Recogniser
from inference.asr.whisper import WhisperAsr
from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE, AsrConfig
from inference.terms.packs import read_packs
from inference.terms.vocabulary import Vocabulary, letters_of
from inference.transcript import Word
from inference.weights.models import default_cache, resolve

DATA = Path(__file__).parents[1] / "data"
NAMES, NO_NAMES = DATA / "unusual_names.tsv", DATA / "no_names.txt"
SENTENCES = {
    "drug": ("She has been taking {} for about two months now.", "Did the {} help with the pain at all?"),
    "name": ("I saw doctor {} at the clinic last week.", "This is {}, and the pain began on Monday."),
    "place": ("I live in {} with my two children.", "They sent me to the hospital in {} for a scan."),
}
EDGE_S = 0.4
PIECE_S = 8.0


@dataclass(frozen=True, slots=True)
class Clip:
    """A span of speech; `name` is the unusual name in it, if any."""

    group: str
    audio: Samples
    name: str | None = None


@dataclass(slots=True)
class Tally:
    """Clips of one group: names found without the vocabulary and with it, false names, and second decodings."""

    clips: int = 0
    before: int = 0
    after: int = 0
    false: list[str] = field(default_factory=list)
    decoded_again: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {
            "clips": self.clips,
            "names_before": self.before,
            "names_after": self.after,
            "false": self.false,
            "decoded_again": round(self.decoded_again / max(self.clips, 1), 3),
        }


def spoken(voice: str, folder: Path) -> Iterator[Clip]:
    """The sentences with and without names in one voice."""
    say = load(Voice(voice), folder, 1)
    edge = np.zeros(int(EDGE_S * SAMPLE_RATE), np.float32)

    def clip(group: str, text: str, name: str | None = None) -> Clip:
        return Clip(f"{voice}, {group}", np.concatenate((edge, say(text), edge)), name)

    for line in NAMES.read_text().splitlines():
        if not line.startswith("#"):
            name, kind = line.split("\t")[:2]
            yield from (clip("names", sentence.format(name), name) for sentence in SENTENCES[kind])
    for text in NO_NAMES.read_text().splitlines():
        if not text.startswith("#"):
            yield clip("no names", text)


def recorded(corpus: Path) -> Iterator[Clip]:
    """Consultations without any of the names, in pieces."""
    for recording in consultations(corpus, None):
        step = int(PIECE_S * SAMPLE_RATE)
        for start in range(0, len(recording.audio), step):
            yield Clip("corpus", recording.audio[start : start + step])


def has(text: str, name: str) -> bool:
    return "".join(letters_of(name)) in "".join(part for word in text.split() for part in letters_of(word))


async def measure(clips: Sequence[Clip], vocabulary: Vocabulary) -> dict[str, Tally]:
    """A tally for each group of clips."""
    config = AsrConfig(workers=1, threads=2)
    recogniser = Recogniser(WhisperAsr(resolve("base", default_cache()), config), config)
    tallies: dict[str, Tally] = {}

    async def heard(request: AsrRequest) -> tuple[Hypothesis, int]:
        before = recogniser.second_tries
        served = await recogniser.final(request, session="1")
        return served.value, recogniser.second_tries - before

    for clip in clips:
        tally = tallies.setdefault(clip.group, Tally())
        plain, tries = await heard(AsrRequest(clip.audio, final=True))
        named, more = await heard(AsrRequest(clip.audio, final=True, vocabulary=vocabulary))
        tally.clips += 1
        tally.decoded_again += more > tries
        if clip.name is not None:
            tally.before += has(plain.text, clip.name)
            tally.after += has(named.text, clip.name)
        for word in named.words:
            if word.heard and (clip.name is None or not has(clip.name, word.text)):
                tally.false.append(f"{word.heard} -> {word.text} ({word.probability})")
    await recogniser.close()
    return tallies


def searching_ms(vocabulary: Vocabulary) -> float:
    """Milliseconds to compare one final of 40 words with every term."""
    text = " ".join(NO_NAMES.read_text().splitlines()[1:]).split()[:40]
    words = [Word(word, i * 0.4, i * 0.4 + 0.3, 0.9) for i, word in enumerate(text)]
    began = time.perf_counter()
    for _ in range(20):
        vocabulary.candidates(words)
    return round((time.perf_counter() - began) / 20 * 1000, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=Path, default=Path(), help="folder of the packages of neural voices")
    parser.add_argument("--voice", action="append", help="ENGINE:VOICE; several may be given")
    parser.add_argument("--corpus", type=Path, help="folder of recordings without any of the names")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    vocabulary = Vocabulary(read_packs([NAMES]).terms)
    voices = options.voice or (() if options.corpus else ("flite:slt", "flite:rms"))
    clips = [clip for voice in voices for clip in spoken(voice, options.voices)]
    clips += recorded(options.corpus) if options.corpus else ()
    tallies = asyncio.run(measure(clips, vocabulary))
    for group, tally in tallies.items():
        print(f"{group:28} {tally.as_dict()}")
    result = {
        "benchmark": "vocabulary",
        "machine": card(),
        "model": "base",
        "groups": {group: tally.as_dict() for group, tally in tallies.items()},
        "searching_ms": searching_ms(vocabulary),
    }
    deliver(result, options.output)


if __name__ == "__main__":
    main()
