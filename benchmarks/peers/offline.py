"""The ceiling: faster-whisper over whole files, nobody waiting, the same weights and audio, in this environment."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.common.corpus import word_errors
from benchmarks.peers.excerpt import Excerpt


def ceiling(model: Path, excerpts: list[Excerpt]) -> dict[str, object]:
    """Accuracy of beam 5 with its VAD filter, and how many seconds of audio it gets through in one.

    One decoder of one thread for each core: on a CPU that gets through more than one decoder of many threads.
    """
    from faster_whisper import WhisperModel

    cores = os.cpu_count() or 1
    whisper = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=1, num_workers=cores)

    def text(excerpt: Excerpt) -> str:
        segments, _ = whisper.transcribe(excerpt.audio, language="en", beam_size=5, vad_filter=True)
        return " ".join(segment.text.strip() for segment in segments)

    text(excerpts[0])
    began, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(cores) as pool:
        texts = list(pool.map(text, excerpts))
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    seconds = sum(excerpt.seconds for excerpt in excerpts)
    errors = word_errors([excerpt.text for excerpt in excerpts], texts)
    return {
        "audio_s": round(seconds, 1),
        "wer": errors.wer,
        "cpu_s_per_audio_s": round(cpu / seconds, 4),
        "audio_s_per_s": round(seconds / wall, 2),
    }
