"""The events of a session as Deepgram's messages. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from server.compat.deepgram.query import Asked

Message = dict[str, Any]
Event = Mapping[str, Any]

CHANNELS = {"clinician": 0, "patient": 1}
"""Which channel a speaker is; without a channel of their own, people are channel 0."""

SEAM_S = 0.005
"""Two times that are rounded to hundredths of a second and differ by less are the same."""

_MARKS = ' .,;:!?…"“”()[]'


def error(code: str, message: str, request_id: str) -> Message:
    """What went wrong and what to do about it, in the fields of Deepgram's HTTP errors and of those on a socket."""
    return {
        "type": "Error",
        "variant": code,
        "description": message,
        "message": message,
        "err_code": code,
        "err_msg": message,
        "request_id": request_id,
    }


@dataclass(slots=True)
class _Channel:
    """How far one channel has been told."""

    segment: str | None = None  # id of the segment that was told of last
    open: bool = False  # it may still grow
    speaking: bool = False  # between a SpeechStarted and a speech_final
    ended_s: float | None = None  # end of the last word, until an UtteranceEnd is told or more is said
    held: Message | None = None  # a final that may be the last one before the answer to a Finalize


@dataclass(slots=True)
class Results:
    """Translates the events of one session, in order.

    Notices are left out: Deepgram has no message for them, and its SDK gives a program None for a type that it does not
    know, which ends most programs.

    Deepgram marks the result that answers a `Finalize`. Which final that is shows only once the session's marker is
    back, so while one is awaited, the newest final of each channel waits for the next one or for the marker.
    """

    asked: Asked
    request_id: str
    model: str = ""
    created: str = ""
    _channels: list[_Channel] = field(default_factory=list)
    _finalizing: int = 0
    _audio_s: float = 0.0

    def __post_init__(self) -> None:
        self._channels = [_Channel() for _ in range(self.asked.tracks)]

    def finalize(self) -> None:
        """A marker was put into the session: results wait for its echo."""
        self._finalizing += 1

    def messages(self, event: Event, later: Sequence[Event] = ()) -> list[Message]:
        """What an event becomes. `later` are the events behind it that are in the log already."""
        match event["type"]:
            case "session_started":
                self.model = str(event.get("models", {}).get("asr", ""))
                self.created = str(event.get("consent", {}).get("given_at", ""))
            case "transcript":
                return self._heard(event["segment"], later)
            case "progress":
                return self._ends(event["transcribed_s"])
            case "marker":
                self._finalizing = max(0, self._finalizing - 1)
                return self._release(finalized=True) if not self._finalizing else []
            case "error":
                return [error(event["code"], event["message"], self.request_id)]
            case "session_stopped":
                self._audio_s = event["audio_s"]
                return self._release(finalized=False)
        return []

    def metadata(self, sha256: str) -> Message:
        """The last message of a stream. `sha256` is that of the bytes of audio."""
        return {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self.request_id,
            "sha256": sha256,
            "created": self.created,
            "duration": self._audio_s,
            "channels": self.asked.channels,
            "models": [self.model],
        }

    def _heard(self, segment: Mapping[str, Any], later: Sequence[Event]) -> list[Message]:
        number = CHANNELS.get(segment["speaker"], 0) if self.asked.tracks == 2 else 0
        channel = self._channels[number]
        told: list[Message] = []
        if segment["id"] != channel.segment:
            told += self._begins(channel, number, segment)
        channel.segment, channel.open = segment["id"], not segment["final"]
        if not segment["final"]:
            return told + ([self._result(segment, number)] if self.asked.interim_results else [])
        goes_on = _continues(segment, later)
        channel.speaking = goes_on and channel.speaking
        if segment["text"]:
            words = segment.get("words") or []
            channel.ended_s = words[-1]["end"] if words else segment["end"]
        elif not self.asked.interim_results:
            return told  # it takes back a partial that was not told
        final = self._result(segment, number, speech_final=not goes_on)
        if not self._finalizing:
            return [*told, final]
        before, channel.held = channel.held, final
        return told + ([before] if before is not None else [])

    def _begins(self, channel: _Channel, number: int, segment: Mapping[str, Any]) -> list[Message]:
        """What is told before the first words of a segment."""
        told: list[Message] = []
        limit_s = self.asked.utterance_end_s
        if limit_s is not None and channel.ended_s is not None and segment["start"] - channel.ended_s >= limit_s:
            told.append(self._utterance_end(channel, number))
        channel.ended_s = None
        if self.asked.vad_events and not channel.speaking and segment["text"]:
            index = [number, self.asked.tracks]
            told.append({"type": "SpeechStarted", "channel": index, "timestamp": segment["start"]})
        channel.speaking = True
        return told

    def _ends(self, transcribed_s: float) -> list[Message]:
        """UtteranceEnd for each channel on which nobody has said a word for long enough."""
        limit_s = self.asked.utterance_end_s
        if limit_s is None:
            return []
        return [
            self._utterance_end(channel, number)
            for number, channel in enumerate(self._channels)
            if channel.ended_s is not None
            and not channel.open
            and channel.held is None
            and transcribed_s - channel.ended_s >= limit_s
        ]

    def _utterance_end(self, channel: _Channel, number: int) -> Message:
        last_s, channel.ended_s = channel.ended_s, None
        return {"type": "UtteranceEnd", "channel": [number, self.asked.tracks], "last_word_end": last_s}

    def _release(self, finalized: bool) -> list[Message]:
        """The finals that waited; where a Finalize found nothing to finish, an empty result answers it."""
        told = []
        for channel in self._channels:
            if channel.held is not None:
                told.append({**channel.held, "from_finalize": finalized, "speech_final": True})
                channel.held = None
        if finalized and not told:
            nothing = {"start": 0.0, "end": 0.0, "text": "", "final": True}
            told = [
                {**self._result(nothing, number, speech_final=True), "from_finalize": True}
                for number in range(self.asked.tracks)
            ]
        return told

    def _result(self, segment: Mapping[str, Any], number: int, speech_final: bool = False) -> Message:
        words = [_word(word) for word in segment.get("words") or ()]
        best: Message = {
            "transcript": segment["text"],
            "confidence": round(sum(word["confidence"] for word in words) / len(words), 3) if words else 0.0,
            "words": words,
        }
        if "language" in segment:
            best["languages"] = [segment["language"]]
        return {
            "type": "Results",
            "channel_index": [number, self.asked.tracks],
            "duration": round(segment["end"] - segment["start"], 2),
            "start": segment["start"],
            "is_final": segment["final"],
            "speech_final": speech_final,
            "from_finalize": False,
            "channel": {"alternatives": [best]},
            "metadata": {
                "request_id": self.request_id,
                "model_info": {"name": self.model, "version": "", "arch": "whisper"},
                "model_uuid": "",
            },
        }


def _continues(final: Mapping[str, Any], later: Sequence[Event]) -> bool:
    """Whether the speaker goes on where a final ends: what a final without a pause leaves follows it at once."""
    for event in later:
        if event["type"] == "transcript" and event["segment"]["speaker"] == final["speaker"]:
            following = event["segment"]
            return bool(following["id"] != final["id"] and abs(following["start"] - final["end"]) < SEAM_S)
    return False


def _word(word: Mapping[str, Any]) -> Message:
    bare = word["text"].strip(_MARKS).lower()
    return {
        "word": bare or word["text"],
        "start": word["start"],
        "end": word["end"],
        "confidence": word["probability"],
        "punctuated_word": word["text"],
    }
