"""The real server around engines without models: what the server itself costs, and how many sessions it carries.

    python -m benchmarks.common.fake_server --port 8765 [--max-sessions 2000] [--rules] [--store URL] [--profile FILE]

Speech is what is loud; a span's text is made up, of a length and with word times as a recogniser would give. Everything
else is the real thing: sockets, sessions, event logs, queues, segmenter, metrics; with --rules the extractor too.
--profile writes what the event loop did (cProfile); with --memory, SIGUSR1 writes what was allocated and not freed by
then (tracemalloc). Both slow it down.
"""

import argparse
import asyncio
import cProfile
import signal
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inference.asr.hypothesis import AsrRequest, Hypothesis, Rehearsal
from inference.audio.decoding import Samples
from inference.audio.vad_state import VadState
from inference.config import FRAME_SAMPLES, SAMPLE_RATE
from inference.extraction import Extractor
from inference.pipeline import Pipeline
from inference.transcript import Word
from server.app import METRICS, create_app
from server.runtime import bound
from server.sessions import garbage
from server.settings import Settings
from server.socket.listening import listening

LOUD = 0.03
WORDS_PER_SECOND = 2.5
SPOKEN = """
I have had this chest pain since yesterday evening and it gets worse when I breathe in. It is about seven out of ten.
I take lisinopril ten milligrams once a day and I am allergic to penicillin. No fever and no cough. My father had a
heart attack at fifty. We will do an electrocardiogram and a blood test today. I would like to see you in two weeks.
"""
TOP = 40


class LoudnessVad:
    """A frame is speech where its peak is loud."""

    def speech_probabilities(
        self, chunks: Sequence[Samples], states: Sequence[VadState]
    ) -> list[tuple[Samples, VadState]]:
        answers = []
        for chunk, state in zip(chunks, states, strict=True):
            stream = np.concatenate((state.remainder, chunk))
            whole = stream.size // FRAME_SAMPLES * FRAME_SAMPLES
            peaks = np.abs(stream[:whole].reshape(-1, FRAME_SAMPLES)).max(axis=1, initial=0.0)
            answers.append(((peaks > LOUD).astype(np.float32), VadState(remainder=stream[whole:].copy())))
        return answers


class ReadyAsr:
    """Answers at once: as many words as are said in that time, from a place in the text that the length decides."""

    def __init__(self) -> None:
        self._text = SPOKEN.split()

    def transcribe(self, requests: Sequence[AsrRequest], mels: Sequence[Any] | None = None) -> list[Hypothesis]:
        return [self._hypothesis(request) for request in requests]

    def prepare(self, requests: Sequence[AsrRequest]) -> Sequence[Any]:
        return [()] * len(requests)

    def rehearse(self, rehearsal: Rehearsal) -> None:
        return None

    def restart(self) -> None:
        return None

    def _hypothesis(self, request: AsrRequest) -> Hypothesis:
        seconds = len(request.audio) / SAMPLE_RATE
        count = max(1, int(seconds * WORDS_PER_SECOND))
        said = [self._text[(len(request.audio) // FRAME_SAMPLES + i) % len(self._text)] for i in range(count)]
        each_s = seconds / count
        words = tuple(Word(w, round(i * each_s, 2), round((i + 1) * each_s, 2), 0.9) for i, w in enumerate(said))
        return Hypothesis(" ".join(said), request.language or "en", -0.2, 0.0, words if request.final else ())


async def serve(args: argparse.Namespace) -> None:
    extractors: list[Extractor] = []
    if args.rules:
        from inference.extraction import tables
        from inference.extraction.rules.engine import RulesExtractor

        tables.load()
        extractors.append(RulesExtractor())
    given: dict[str, Any] = {"port": args.port, "max_sessions": args.max_sessions, "store": args.store}
    given["store_key_file"] = args.store_key_file
    settings = Settings(**given)
    app = create_app(Pipeline(LoudnessVad(), ReadyAsr(), extractors, asr_name="fake"), settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if args.memory:
        loop.add_signal_handler(signal.SIGUSR1, lambda: args.memory.write_text(held()))
    async with listening(app, bound(settings.host, settings.port), settings, app[METRICS]):
        garbage.settle()
        print(f"http://{settings.host}:{settings.port}/", flush=True)
        await stop.wait()


def held() -> str:
    """Where the memory that is still held was allocated, the largest first."""
    lines = tracemalloc.take_snapshot().statistics("lineno")[:TOP]
    return "\n".join(f"{line.size / 2**20:9.2f} MB {line.count:8} x {line.traceback}" for line in lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--max-sessions", type=int, default=2000)
    parser.add_argument("--rules", action="store_true", help="extract findings by the rules")
    parser.add_argument("--store", default="memory", help="as of drtranscribe serve")
    parser.add_argument("--store-key-file", type=Path, help="as of drtranscribe serve")
    parser.add_argument("--profile", type=Path, help="FILE for pstats of the event loop's thread")
    parser.add_argument("--memory", type=Path, help="FILE for the lines that hold memory, at SIGUSR1")
    args = parser.parse_args()
    if args.memory:
        tracemalloc.start()
    if args.profile:
        profile = cProfile.Profile()
        profile.runcall(asyncio.run, serve(args))
        profile.dump_stats(args.profile)
    else:
        asyncio.run(serve(args))


if __name__ == "__main__":
    main()
