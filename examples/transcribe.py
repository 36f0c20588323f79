"""Streams a WAV file to a drTranscribe server as if it were spoken now, and prints what comes back.

    pip install drtranscribe
    python transcribe.py ws://127.0.0.1:8765/ws consultation.wav [--speed 4] [--record record.md]

A server with keys: put the key into the environment variable DRTRANSCRIBE_KEY.
The file holds 16-bit PCM: one channel, or two with the clinician on the left and the patient on the right.
"""

import argparse
import asyncio
import os
import sys
import wave
from pathlib import Path

from drtranscribe import Consultation, ConsultationError, Finding

CHUNK_S = 0.5


async def speak(consultation: Consultation, wav: wave.Wave_read, speed: float) -> None:
    """Sends each chunk when its last sample would have been spoken, then stops."""
    clock, rate = asyncio.get_running_loop().time, wav.getframerate()
    began = clock()
    while pcm := wav.readframes(int(CHUNK_S * rate)):
        await asyncio.sleep(began + wav.tell() / rate / speed - clock())
        await consultation.send(pcm)
    await consultation.stop()


async def show(consultation: Consultation) -> None:
    """Prints finals and findings as they come. Finals never change; findings can be updated and retracted."""
    async for event in consultation:
        if event["type"] == "transcript":
            segment = event["segment"]
            if segment["final"] and segment["text"]:
                print(f"{segment['start']:6.1f}s {segment['speaker']}: {segment['text']}")
        elif event["type"] == "extraction":
            for operation in event["ops"]:
                print(f"        {operation['op']} {described(operation['finding'])}")
        elif event["type"] in ("notice", "error"):
            print(f"! {event['message']}", file=sys.stderr)


def described(finding: Finding) -> str:
    quotes = ", ".join(f'"{evidence["quote"]}"' for evidence in finding["evidence"])
    return f"{finding['kind']}: {finding['text']} ({finding['status']}), since {quotes}"


async def transcribe(url: str, wav: wave.Wave_read, speed: float, record: Path | None) -> None:
    if wav.getsampwidth() != 2:
        raise ValueError("the samples are not 16-bit: convert the file first")
    channels = wav.getnchannels()
    consultation = Consultation.connect(
        url,
        sample_rate=wav.getframerate(),
        channels=channels,
        mode="dual" if channels == 2 else "ambient",
        api_key=os.environ.get("DRTRANSCRIBE_KEY"),
    )
    async with consultation, asyncio.TaskGroup() as tasks:
        tasks.create_task(speak(consultation, wav, speed))
        await show(consultation)
    if record:
        await asyncio.to_thread(record.write_bytes, await consultation.record("markdown"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("wav", type=Path)
    parser.add_argument("--speed", type=float, default=1.0, help="how many times as fast as spoken")
    parser.add_argument("--record", type=Path, help="where to write the record, as Markdown")
    arguments = parser.parse_args()
    try:
        with wave.open(str(arguments.wav)) as wav:
            asyncio.run(transcribe(arguments.url, wav, arguments.speed, arguments.record))
    except* (ConsultationError, ValueError, wave.Error, OSError) as failed:
        sys.exit(str(failed.exceptions[0]))


if __name__ == "__main__":
    main()
