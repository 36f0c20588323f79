"""Transcripts as OpenAI's API writes them: one function for each response_format, and the events of a stream. Pure."""

import json
import math
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inference.asr.language_names import name
from inference.stream.files.transcription import FileSegment
from server.compat.openai.form import Form

JSON, PLAIN, VTT, SRT = "application/json", "text/plain", "text/vtt", "application/x-subrip"


@dataclass(frozen=True, slots=True)
class Transcribed:
    """A recording of `audio_s` seconds and its segments, in the order of their beginnings."""

    segments: Sequence[FileSegment]
    audio_s: float
    language: str
    """What was asked for; of a recording whose language was to be detected, the one that most segments are in."""

    @classmethod
    def of(cls, segments: Sequence[FileSegment], audio_s: float, asked: str | None) -> "Transcribed":
        heard = Counter(one.language for one in segments).most_common(1)
        ordered = sorted(segments, key=lambda one: one.segment.start)
        return cls(ordered, audio_s, asked or (heard[0][0] if heard else ""))

    @property
    def text(self) -> str:
        return " ".join(one.segment.text for one in self.segments)

    @property
    def usage(self) -> dict[str, Any]:
        return {"type": "duration", "seconds": math.ceil(self.audio_s)}


def answer(form: Form, found: Transcribed) -> tuple[str, str]:
    """Media type and body."""
    match form.response_format:
        case "text":
            return PLAIN, found.text + "\n"
        case "srt":
            return SRT, _cues(found, ",", numbered=True)
        case "vtt":
            return VTT, "WEBVTT\n\n" + _cues(found, ".", numbered=False)
        case "verbose_json":
            return JSON, json.dumps(_verbose(form, found), ensure_ascii=False)
        case "diarized_json":
            return JSON, json.dumps(_diarized(found), ensure_ascii=False)
        case _:
            return JSON, json.dumps({"text": found.text, "usage": found.usage}, ensure_ascii=False)


def delta(one: FileSegment, first: bool, diarized: bool) -> dict[str, Any]:
    """The event with the next words; those of all events joined are the text."""
    event: dict[str, Any] = {
        "type": "transcript.text.delta",
        "delta": one.segment.text if first else f" {one.segment.text}",
    }
    return event | ({"segment_id": one.segment.id} if diarized else {})


def done(found: Transcribed, text: str) -> dict[str, Any]:
    """The last event of a stream; its usage is told in seconds, where OpenAI's own counts tokens."""
    return {"type": "transcript.text.done", "text": text, "usage": found.usage}


def diarized_segment(one: FileSegment) -> dict[str, Any]:
    segment = one.segment
    return {
        "type": "transcript.text.segment",
        "id": segment.id,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "speaker": segment.speaker,
    }


def _diarized(found: Transcribed) -> dict[str, Any]:
    return {
        "task": "transcribe",
        "duration": round(found.audio_s, 3),
        "text": found.text,
        "segments": [diarized_segment(one) for one in found.segments],
        "usage": found.usage,
    }


def _verbose(form: Form, found: Transcribed) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "task": "transcribe",
        "language": name(found.language).lower(),
        "duration": round(found.audio_s, 3),
        "text": found.text,
        "usage": found.usage,
    }
    if form.segments:
        fields["segments"] = [_segment(number, one) for number, one in enumerate(found.segments)]
    if form.words:
        words = [word for one in found.segments for word in one.segment.words]
        fields["words"] = [{"word": word.text, "start": word.start, "end": word.end} for word in words]
    return fields


def _segment(number: int, one: FileSegment) -> dict[str, Any]:
    """`tokens` is empty: the engine hands on words, and not the tokens of its model."""
    segment = one.segment
    text = segment.text.encode()
    return {
        "id": number,
        "seek": round(segment.start * 100),
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(one.logprob, 4),
        "compression_ratio": round(len(text) / len(zlib.compress(text)), 4),
        "no_speech_prob": round(one.no_speech, 4),
    }


def _cues(found: Transcribed, point: str, numbered: bool) -> str:
    cues = []
    for number, one in enumerate(found.segments, 1):
        segment = one.segment
        text = (
            segment.text if numbered else segment.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        )
        head = f"{number}\n" if numbered else ""
        cues.append(f"{head}{_clock(segment.start, point)} --> {_clock(segment.end, point)}\n{text}\n")
    return "\n".join(cues)


def _clock(seconds: float, point: str) -> str:
    total_ms = round(seconds * 1000)
    minutes, ms = divmod(total_ms, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{ms // 1000:02}{point}{ms % 1000:03}"
