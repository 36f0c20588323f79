"""Phrases that Whisper invents, said by voices before and after clinical sentences: what the finals lack of either.

    python -m benchmarks.speech.phantoms [--voices slt rms awb] [--sentences 4] [--clips DIR] [--model base]

A phrase may be cut where nobody said it. Here it was said, so that all of it should be in the finals, and at least the
sentence beside it must be: a sentence counts as lost where more of its words are missing than in the final of the
sentence alone. `--clips` also streams the clips of DIR/index.json in which nobody speaks, where no word may be heard.
Needs `flite`. The last line is JSON.
"""

import argparse
import asyncio
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.common.corpus import Recording, clips, normalise
from benchmarks.common.machine import card
from benchmarks.common.result import deliver
from benchmarks.common.streaming import Engine
from benchmarks.speech.synthesis.programs import read_wave, run
from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE, AsrConfig, EngineConfig, SegmenterConfig
from inference.weights.models import default_cache, resolve

PHRASES = (
    "Thank you for listening.",
    "Thank you for watching.",
    "Thanks for watching.",
    "Thank you so much for watching.",
    "Thank you very much for listening.",
    "Thank you for your attention.",
    "Please subscribe.",
    "Please like and subscribe.",
    "Please subscribe to my channel.",
    "I'll see you next time.",
    "See you in the next video.",
    "Subtitles by the community.",
    "Transcribed by my daughter.",
    "Thank you.",
    "Thanks.",
    "Bye bye.",
    "The end.",
    "Music.",
    "Silence.",
    "Noise.",
)
SENTENCES = (
    "I still have this chest pain.",
    "I have had no fever since Monday.",
    "Take two tablets every morning.",
    "My mother has diabetes.",
)
PAUSES_S = (0.0, 0.4)
NEVER_S = 1e6


def said(voice: str, texts: Iterable[str], pause_s: float, folder: Path) -> Samples:
    """The texts one after the other, with half a second of room before them and one second behind."""
    random = np.random.default_rng(0)
    pieces = [np.zeros(SAMPLE_RATE // 2, np.float32)]
    for text in texts:
        take = folder / f"{voice}-{abs(hash(text))}.wav"
        if not take.exists():
            run(["flite", "-voice", voice, "-t", text, "-o", str(take)])
        pieces += [read_wave(take), np.zeros(int(pause_s * SAMPLE_RATE), np.float32)]
    audio = np.concatenate([*pieces, np.zeros(SAMPLE_RATE, np.float32)])
    return (audio + 0.0005 * random.standard_normal(len(audio))).astype(np.float32)


def missing(text: str, heard: str) -> int:
    """Words of the text that are not in what was heard, in any order."""
    left = normalise(heard).split()
    lost = 0
    for word in normalise(text).split():
        if word in left:
            left.remove(word)
        else:
            lost += 1
    return lost


async def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    torch.set_num_threads(1)
    sentences = SENTENCES[: args.sentences]
    cases = [
        (voice, phrase, sentence, before, pause_s)
        for voice in args.voices
        for phrase in PHRASES
        for sentence in sentences
        for before in (True, False)
        for pause_s in PAUSES_S
    ]
    alone = [(voice, text) for voice in args.voices for text in (*sentences, *PHRASES)]
    config = EngineConfig(
        segmenter=SegmenterConfig(partial_every_s=NEVER_S, partial_first_s=NEVER_S), asr=AsrConfig(workers=args.workers)
    )
    async with Engine(resolve(args.model, default_cache()), config) as engine:

        async def heard(spoken: list[Samples]) -> list[str]:
            texts, _ = await engine.hear([Recording(str(at), audio, "") for at, audio in enumerate(spoken)], 4)
            return texts

        by_itself = dict(zip(alone, await heard([said(v, [text], 0.0, folder) for v, text in alone]), strict=True))
        orders = [[phrase, sentence] if before else [sentence, phrase] for _, phrase, sentence, before, _ in cases]
        texts = await heard([said(c[0], order, c[4], folder) for c, order in zip(cases, orders, strict=True)])
        noise = [clip for clip in clips(args.clips) if not clip.text] if args.clips else []
        invented = await heard([clip.audio for clip in noise])
    lost, gone = [], []
    for (voice, phrase, sentence, before, pause_s), text in zip(cases, texts, strict=True):
        told = {"voice": voice, "phrase": phrase, "sentence": sentence, "before": before, "pause_s": pause_s}
        if missing(sentence, text) > missing(sentence, by_itself[voice, sentence]):
            lost.append(told | {"heard": text})
        if missing(phrase, text) == len(normalise(phrase).split()):
            gone.append(told | {"heard": text})
    unheard = [{"voice": voice, "text": text} for (voice, text), heard_ in by_itself.items() if not heard_]
    for one in (*lost, *gone, *unheard):
        print(one)
    print(f"{len(cases)} cases: {len(lost)} lack words of the sentence, {len(gone)} the whole phrase")
    words = sum(len(text.split()) for text in invented)
    print(f"{len(by_itself)} said alone: {len(unheard)} not heard; words on noise: {words}")
    return {
        "benchmark": "phantoms",
        "model": args.model,
        "machine": card(),
        "cases": len(cases),
        "sentences_lost": lost,
        "phrases_gone": gone,
        "unheard_alone": unheard,
        "words_on_noise": words if args.clips else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", nargs="+", default=["slt", "rms", "awb"], help="of flite")
    parser.add_argument("--sentences", type=int, default=len(SENTENCES), help="the first so many only")
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        deliver(asyncio.run(measure(args, Path(folder))), args.output)


if __name__ == "__main__":
    main()
