"""Word error rate of the streamed transcript against whole-file decoding: same weights, same audio, same run.

    python -m benchmarks.speech.accuracy --corpus DIR [--sessions 12 [--padded]] [--clips DIR] [--phases 10]
        [--output FILE]

Streamed: 3 s chunks through the real Pipeline, ambient mono, finals only, one recording at a time and as fast as it is
taken. Offline: faster-whisper over the whole file, greedy, with its VAD filter, which sees all of the future. Errors on
medical words and on names of drugs are counted apart (benchmarks/speech/medical_words.py).

Sessions: so many recordings abreast in one pipeline, their spans batched by its queue. Padded: the same engine at the
same number of sessions with every encoder input padded to 30 s. As fast as chunks are taken most partials are overtaken
by finals and never decoded; --speed 1 decodes them as in life (below 1 where the padded engine cannot keep up), and
--finals-only leaves them out, so that every pass does the same work. Phases: the same audio cut into chunks of random
lengths; shifted phases also begin it at a random sample, which moves every VAD frame. The last line is JSON.
"""

import argparse
import asyncio
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.common.corpus import Recording, clips, consultations, pcm, word_errors
from benchmarks.common.machine import card
from benchmarks.common.result import deliver
from benchmarks.common.streaming import CHUNK_BYTES, Cost, Engine, finals, repeated, stream
from benchmarks.speech.medical_words import TermErrors, term_errors
from inference.config import AsrConfig, EngineConfig, SegmenterConfig
from inference.pipeline import Pipeline
from inference.weights.models import default_cache, resolve

NEVER_S = 1e6
HEADER = ("", "WER", "S/I/D", "medical", "drugs", "CPU s/s", "batch", "VAD", "mel")
WIDTHS = (9, 7, 13, 17, 13, 8, 6, 6, 6)


@dataclass(frozen=True, slots=True)
class Pass:
    """All recordings heard in one way."""

    name: str
    recordings: list[Recording]
    texts: list[str]
    cpu_s_per_audio_s: float
    cost: Cost | None = None

    @property
    def wer(self) -> float:
        return word_errors([recording.text for recording in self.recordings], self.texts).wer

    def as_dict(self) -> dict[str, object]:
        references = [recording.text for recording in self.recordings]
        return {
            **asdict(word_errors(references, self.texts)),
            "cpu_s_per_audio_s": round(self.cpu_s_per_audio_s, 4),
            **(self.cost.as_dict() if self.cost else {}),
            "terms": term_errors(references, self.texts).as_dict(),
        }

    def by_file(self) -> dict[str, float]:
        """WER of each recording, pooled where it was heard more than once."""
        heard: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for recording, text in zip(self.recordings, self.texts, strict=True):
            heard[recording.name].append((recording.text, text))
        return {name: word_errors([r for r, _ in pairs], [h for _, h in pairs]).wer for name, pairs in heard.items()}

    def row(self) -> str:
        references = [recording.text for recording in self.recordings]
        errors, terms = word_errors(references, self.texts), term_errors(references, self.texts)
        counts = f"{errors.substitutions}/{errors.insertions}/{errors.deletions}"
        cells = [self.name, f"{errors.wer:.4f}", counts, _cell(terms.medical), _cell(terms.drugs)]
        cells.append(f"{self.cpu_s_per_audio_s:.3f}")
        if self.cost:
            found = self.cost.as_dict()
            cells += [f"{found['mean_batch']:.1f}", f"{found['vad_share']:.1%}", f"{found['mel_share']:.1%}"]
        return _line(cells)


def _cell(errors: TermErrors) -> str:
    """Missed of all, and how many were added."""
    return f"{errors.missed}/{errors.n} +{errors.added}"


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return "  ".join(cell.rjust(width) for cell, width in zip(cells, WIDTHS, strict=False))


def offline(model_dir: Path, recordings: list[Recording], threads: int) -> Pass:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(model_dir), device="cpu", compute_type="int8", cpu_threads=threads)
    began = time.process_time()
    texts = []
    for recording in recordings:
        segments, _ = model.transcribe(recording.audio, language="en", beam_size=1, vad_filter=True)
        texts.append(" ".join(segment.text for segment in segments))
    cpu_s = time.process_time() - began
    return Pass("offline", recordings, texts, cpu_s / sum(recording.seconds for recording in recordings))


async def phases(pipeline: Pipeline, recordings: list[Recording], count: int, shifted: bool) -> dict[str, object]:
    """WER over the recordings as they are, and at `count` random phases.

    A phase cuts the same audio into chunks of random lengths; a shifted one also begins it at a random sample, which
    moves every VAD frame.
    """
    rng = np.random.default_rng(0)
    gate = asyncio.Semaphore(2)

    async def one(recording: Recording, lead_samples: int, sizes: list[int]) -> str:
        async with gate:
            lead = (0.001 * np.random.default_rng(lead_samples).standard_normal(lead_samples)).astype(np.float32)
            return finals(await stream(pipeline, pcm(np.concatenate((lead, recording.audio))), sizes))

    found = []
    for phase in range(count + 1):
        sizes = [int(2 * size) for size in rng.integers(320, 80_000, 2000)] if phase else [CHUNK_BYTES]
        lead_samples = int(rng.integers(1, CHUNK_BYTES // 2)) if phase and shifted else 0
        texts = await asyncio.gather(*(one(recording, lead_samples, sizes) for recording in recordings))
        found.append(word_errors([recording.text for recording in recordings], list(texts)).wer)
    change = max((abs(wer - found[0]) for wer in found[1:]), default=0.0)
    return {"files": len(recordings), "wer": found, "largest_change": round(change, 4)}


async def measure(args: argparse.Namespace) -> dict[str, object]:
    torch.set_num_threads(1)
    model_dir = resolve(args.model, default_cache())
    segmenter = (
        SegmenterConfig(partial_every_s=NEVER_S, partial_first_s=NEVER_S, draft_after_s=NEVER_S)
        if args.finals_only
        else SegmenterConfig()
    )
    config = EngineConfig(segmenter=segmenter, asr=AsrConfig(workers=args.workers, timestamps=not args.no_timestamps))
    recordings = consultations(args.corpus, args.seconds)[: args.files]
    many = repeated(recordings, args.sessions)
    result: dict[str, object] = {"benchmark": "accuracy", "model": args.model, "machine": card()}
    result |= {"sessions": args.sessions, "speed": args.speed, "finals_only": args.finals_only}
    print(_line(HEADER), flush=True)

    def keep(name: str, heard: Pass) -> Pass:
        result[name], result[f"{name}_by_file"] = heard.as_dict(), heard.by_file()
        print(heard.row(), flush=True)
        return heard

    async def heard(engine: Engine, name: str, chosen: list[Recording], sessions: int) -> Pass:
        # One at a time is for the text alone, and no text depends on the pace.
        texts, cost = await engine.hear(chosen, sessions, args.speed if sessions > 1 else None)
        return Pass(name, chosen, texts, cost.cpu_s_per_audio_s, cost)

    async with Engine(model_dir, config) as engine:
        single = keep("streamed", await heard(engine, "one", recordings, 1))
        abreast = single
        if args.sessions > 1:
            abreast = keep("abreast", await heard(engine, f"{args.sessions}", many, args.sessions))
            result["above_single"] = round(abreast.wer - single.wer, 4)
            alone = {recording.name: text for recording, text in zip(recordings, single.texts, strict=True)}
            result["texts_as_alone"] = sum(
                text == alone[r.name] for r, text in zip(abreast.recordings, abreast.texts, strict=True)
            ) / len(many)
        if args.clips:
            result |= await over_clips(engine, args.clips, args.workers)
        for name, count, shifted in (("phases", args.phases, False), ("shifted_phases", args.shifted_phases, True)):
            if count:
                result[name] = await phases(engine.pipeline, recordings[: args.phase_files], count, shifted)
                print(name, result[name], flush=True)
    if args.padded:
        async with Engine(model_dir, config, padded=True) as engine:
            padded = keep("padded", await heard(engine, "padded", abreast.recordings, args.sessions))
        result["compute_of_padded"] = round(abreast.cpu_s_per_audio_s / padded.cpu_s_per_audio_s, 4)
        result["above_padded"] = round(abreast.wer - padded.wer, 4)
    whole = keep("offline", await asyncio.to_thread(offline, model_dir, recordings, args.workers))
    result["above_offline"] = round(single.wer - whole.wer, 4)
    return result


async def over_clips(engine: Engine, folder: Path, sessions: int) -> dict[str, object]:
    """Errors on clips of speech, and words heard in clips of noise."""
    every = clips(folder)
    spoken, silent = [clip for clip in every if clip.text], [clip for clip in every if not clip.text]
    texts, _ = await engine.hear(spoken, sessions)
    invented, _ = await engine.hear(silent, sessions)
    errors = word_errors([clip.text for clip in spoken], texts)
    words = sum(len(text.split()) for text in invented)
    print("clips: WER", errors.wer, "words on noise:", words, flush=True)
    return {"clips": asdict(errors), "words_on_noise": words}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--files", type=int, help="the first so many recordings only")
    parser.add_argument("--seconds", type=float, help="the first so many of each recording only")
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--no-timestamps", action="store_true", help="finals without timestamp tokens, as on CUDA")
    parser.add_argument("--sessions", type=int, default=1, help="streams abreast, beside one at a time")
    parser.add_argument("--padded", action="store_true", help="also with every encoder input padded to 30 s")
    parser.add_argument("--speed", type=float, help="pace of the sessions abreast, 1 as in life; else as fast as taken")
    parser.add_argument("--finals-only", action="store_true", help="no partials: the same work in every pass")
    parser.add_argument("--phases", type=int, default=0)
    parser.add_argument("--shifted-phases", type=int, default=0)
    parser.add_argument("--phase-files", type=int, default=1)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    deliver(asyncio.run(measure(args)), args.output)


if __name__ == "__main__":
    main()
