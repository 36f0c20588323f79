"""The page in a real browser: what people wait for, what it costs their computer, how large it is.

    python -m benchmarks.transport.page AUDIO [--model tiny.en] [--times 5] [--only words resume memory size]
        [--output FILE.json]

AUDIO is speech that begins at once, of at least ten seconds; what stands before its first loud sample is cut off.
words: a server of its own, on this machine, and the page with chunks of 3 s and of 0.5 s, `--times` visits each: from
the opening of the microphone to the first words on the screen.
resume: one visit through a network that is cut (connections refused) and that swallows what is sent (nothing refused,
nothing carried): from its return until the visit goes on.
memory: an hour's visit in a minute: JavaScript heap after a garbage collection, nodes, what IndexedDB holds, and the
memory of the page's process (Linux).
size: what the page loads when it is opened, as files and as bytes on the line, where it is compressed. `size_bytes` is
all of server/static/, with what only other languages, visits and the second screen need.
Needs Debian's `chromium` and the extra `dev`. The last line is JSON.
"""

import argparse
import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from benchmarks.common.machine import card
from benchmarks.common.percentiles import ranks
from benchmarks.common.result import deliver
from benchmarks.common.server_process import ServerProcess
from benchmarks.transport.page.browser import chromium, write_wav
from benchmarks.transport.page.hour import STATIC, memory
from benchmarks.transport.page.sizes import sizes
from benchmarks.transport.page.waits import CUTS_S, SWALLOWED_S, first_words, resumes
from server.cli.audiofile import read_chunks

CHUNKS_S = (3.0, 0.5)
LOUD = 0.05
PARTS = ("words", "resume", "memory", "size")


async def run(audio: Path, model: str, times: int, parts: list[str]) -> dict[str, Any]:
    """Raises SystemExit where the browser is missing."""
    executable = shutil.which("chromium")
    if executable is None:
        raise SystemExit("needs the browser: apt-get install chromium")
    result: dict[str, Any] = {"machine": card(), "model": model, "audio": audio.name}
    with tempfile.TemporaryDirectory() as folder:
        microphone = Path(folder) / "speech.wav"
        write_wav(microphone, speech(audio))
        async with chromium(executable, microphone) as browser:
            if "memory" in parts:
                result["memory"] = await memory(browser)
            if {"words", "resume", "size"} & {*parts}:
                process = ServerProcess.serving(model, ["--device", "cpu"])
                try:
                    async with aiohttp.ClientSession() as http:
                        await process.ready(http)
                    if "size" in parts:
                        result["size"] = await sizes(browser, process.url)
                    if "words" in parts:
                        await first_words(browser, process.url, CHUNKS_S[0], 1)  # warms up
                        for chunk_s in CHUNKS_S:
                            waited = await first_words(browser, process.url, chunk_s, times)
                            told = {name: ranks(values, ("p50", "max")) for name, values in waited.items()}
                            result[f"words_{chunk_s:g}_s"] = {"n": times, **told}
                    if "resume" in parts:
                        found = await resumes(browser, process.port)
                        result["resume"] = {"cuts_s": CUTS_S, "swallowed_s": SWALLOWED_S, **found}
                finally:
                    process.stop()
    result["size_bytes"] = sum(path.stat().st_size for path in STATIC.rglob("*") if path.is_file())
    return result


def speech(path: Path) -> np.ndarray[Any, np.dtype[np.int16]]:
    samples = np.frombuffer(b"".join(read_chunks(path, 1, 10.0)), np.int16)
    loud = np.abs(samples.astype(np.int32))
    return samples[int(np.argmax(loud > LOUD * loud.max())) :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio", type=Path)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--output", type=Path)
    chosen = parser.parse_args()
    deliver(asyncio.run(run(chosen.audio, chosen.model, chosen.times, chosen.only)), chosen.output)
