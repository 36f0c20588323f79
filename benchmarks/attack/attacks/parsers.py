"""Attacks on what reads and writes formats: records, audio files, regular expressions."""

import asyncio
import io
import multiprocessing
import random
import tempfile
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.attack.aim import Aim
from benchmarks.attack.attacks.outages import RATE
from benchmarks.attack.attacks.patterns import every_pattern, timed
from benchmarks.attack.attacks.recordings import encoded_noise
from benchmarks.attack.attacks.talk import MARKUP, PAGES
from inference.audio.decoding import AudioError
from server.cli.audiofile import read_chunks

CODECS = {"wav": "pcm_s16le", "flac": "flac", "ogg": "libopus"}
"""By the endings of their files."""

AUDIO_FILES = 322
HANG_S = 40.0
FORMATS = ("json", "markdown", "fhir", "pdf")


async def hostile_records(aim: Aim) -> None:
    """Numbers of 309 digits, `{nb}` and markup, said in a consultation and typed into its findings, in every record."""
    loud = (0.3 * np.sin(np.arange(RATE) * 0.3) * 32767).astype("<i2").tobytes()
    async with aim.http() as http, aim.socket(http) as line:
        started = await line.start()
        if started is None:
            aim.expect(False, "no session could be started")
            return
        for second in range(40):
            await line.say(loud if second % 10 < 9 else bytes(2 * RATE))
            await line.hear("progress")
        await line.say({"type": "marker", "id": 1})
        await line.hear("marker", within_s=20)
        ids = [op["finding"]["id"] for e in line.events if e["type"] == "extraction" for op in e["ops"]]
        aim.expect(bool(ids), "no finding came of talk with long numbers")
        for number, text in enumerate((*MARKUP, " ", "\u200b", "\t\n", "9" * 309, "\x00", "\ud83d\ude00" * 50)):
            finding_id = ids[number % len(ids)] if ids else "f1"
            await line.say({"type": "edit_finding", "finding_id": finding_id, "fields": {"text": text}})
        await line.say({"type": "marker", "id": 2})
        await line.hear("marker", within_s=20)
        codes = [event["code"] for event in line.events if event["type"] == "error"]
        for code in codes:
            aim.codes[code] += 1
        aim.expect("internal" not in codes, "the talk ended a session with internal")
        aim.expect("extraction_unavailable" not in codes, "the rules failed on the talk")
        ops = [op["finding"]["text"] for e in line.events if e["type"] == "extraction" for op in e["ops"]]
        aim.expect(all(text.strip(" \t\n\u200b\x00") for text in ops), "a finding with a blank text was taken")
        said = " ".join(e["segment"]["text"] for e in line.events if e["type"] == "transcript")
        aim.expect(PAGES in said, "the talk was not said: this attack shows nothing")
        await _read_records(aim, http, started["session_id"])
        await line.say({"type": "stop_session"})
        await line.hear("session_stopped", within_s=20)
    aim.figures |= {"findings": len(set(ids)), "errors": sorted(set(codes))}


async def _read_records(aim: Aim, http: Any, session: str) -> None:
    from pypdf import PdfReader

    bodies: dict[str, bytes] = {}
    for name in FORMATS:
        path = aim.url / f"v1/sessions/{session}/record"
        async with http.get(path, params={"format": name}) as response:
            bodies[name] = await response.read()
            aim.codes[f"{name} {response.status}"] += 1
            aim.expect(response.status == 200, f"the {name} record was answered {response.status}")
    aim.expect(
        b"<script>" not in bodies["markdown"].replace(b"\\<", b""), "markup of the talk is live in the Markdown record"
    )
    if bodies["pdf"].startswith(b"%PDF"):
        pages = "".join(page.extract_text() for page in PdfReader(io.BytesIO(bodies["pdf"])).pages)
        written = "".join(pages.split())
        aim.expect(session not in written, "the session's id stands on the PDF's pages")
        if PAGES.encode() in bodies["json"]:
            aim.expect(PAGES in written, "{nb} was said, and the PDF shows another text in its place")


async def hostile_audio_files(aim: Aim) -> None:
    """322 WAV, FLAC and Ogg files with bytes changed, cut off or doubled: read, or refused with a sentence."""
    chance = random.Random(aim.seed)
    aim.figures |= await asyncio.to_thread(_read_all, aim, chance)


def _read_all(aim: Aim, chance: random.Random) -> dict[str, int]:
    read = refused = 0
    with tempfile.TemporaryDirectory() as folder:
        seeds = {ending: encoded_noise(ending, codec, seconds=2) for ending, codec in CODECS.items()}
        for number in range(AUDIO_FILES):
            ending = list(seeds)[number % len(seeds)]
            path = Path(folder, f"hostile.{ending}")
            path.write_bytes(_mutated(seeds[ending], chance))
            try:
                for _ in read_chunks(path, 1, 3.0):
                    pass
                read += 1
            except AudioError:
                refused += 1
            except Exception as error:
                aim.codes[type(error).__name__] += 1
                aim.expect(False, f"a hostile {ending} file raises {type(error).__name__}")
    return {"read": read, "refused": refused}


def _mutated(data: bytes, chance: random.Random) -> bytes:
    """The file with some bytes changed, most of them where its headers stand."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2, 8, 64, 512))):
        at = chance.randrange(min(len(changed), chance.choice((64, 512, len(changed)))))
        changed[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    match chance.randrange(6):
        case 0:
            del changed[chance.randrange(len(changed)) :]
        case 1:
            at = chance.randrange(len(changed))
            changed[at:at] = changed[: chance.randrange(2000)]
        case 2:
            changed[: chance.randrange(100)] = b""
    return bytes(changed)


async def regular_expressions(aim: Aim) -> None:
    """Every compiled pattern of the product on strings that are made of what it matches, up to 8,000 signs long."""
    patterns = every_pattern()
    aim.figures["patterns"] = len(patterns)
    aim.expect(len(patterns) > 100, f"only {len(patterns)} patterns were found: the search for them is broken")
    worst: tuple[float, str] = (0.0, "")
    at = 0
    while at < len(patterns) and aim.left_s:
        ours, theirs = multiprocessing.Pipe()
        worker = multiprocessing.get_context("spawn").Process(target=_measure, args=(theirs, at, aim.seed), daemon=True)
        worker.start()
        theirs.close()
        try:
            while at < len(patterns) and aim.left_s:
                if not await asyncio.to_thread(ours.poll, HANG_S):
                    aim.expect(False, f"{patterns[at][0]} took more than {HANG_S:.0f} s on one string")
                    at += 1
                    break
                seconds = ours.recv()
                if seconds is None:
                    at += 1
                    continue
                worst = max(worst, (seconds, patterns[at][0]))
                aim.expect(seconds < 1.0, f"{patterns[at][0]} takes seconds on 8,000 signs")
        except EOFError:
            aim.expect(False, "the process that tries the patterns ended")
            break
        finally:
            worker.kill()
            with suppress(OSError):
                ours.close()
    aim.figures |= {"tried": at, "slowest_s": round(worst[0], 3), "slowest": worst[1]}


def _measure(pipe: Connection, first: int, seed: int) -> None:
    """Sends the seconds of each use of a pattern, and None after the last one of it."""
    for _, pattern in every_pattern()[first:]:
        for seconds in timed(pattern, seed):
            pipe.send(seconds)
        pipe.send(None)
