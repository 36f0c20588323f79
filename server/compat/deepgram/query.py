"""The query of `GET /v1/listen`: what a client of Deepgram asks for, as far as this server has it. Pure.

A parameter that only tunes Deepgram's own models is ignored. One that promises something which this server would not
do, such as to take names out of the transcript, is refused.
"""

import re
from dataclasses import dataclass
from typing import Literal, Protocol

from server.protocol import ProtocolError

TRUE, FALSE = ("true", "1", ""), ("false", "0")

MAX_TERMS = 1000
MAX_TERM = 200
"""Characters of a term, as in the vocabulary of `start_session`."""

SHORTEST_END_MS, LONGEST_END_MS = 1000, 5000

PROMISES = {
    "redact": "this server takes nothing out of the transcript: leave redact out, and redact what you store",
    "replace": "this server writes what is said: leave replace out, and replace words in what you receive",
    "callback": "this server sends results on this connection alone: leave callback out",
    "callback_method": "this server sends results on this connection alone: leave callback_method out",
}
"""Parameters that are refused, and why: without them the results would not be what the client relies on."""

ANY_LANGUAGE = "multi"
"""Deepgram's word for what is `auto` in `start_session`."""

_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_][A-Za-z0-9]{2,8})*")
_KEYWORD = re.compile(r"(.*?)(?::-?[0-9.]+)?")


class Query(Protocol):
    """The part of a multidict that is used here."""

    def __contains__(self, name: object) -> bool: ...

    def getone(self, name: str, default: str) -> str: ...

    def getall(self, name: str, default: list[str]) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What the query asks for. `language` is that of `start_session`; None is the server's default."""

    sample_rate: int
    channels: int = 1
    multichannel: bool = False
    interim_results: bool = False
    language: str | None = None
    terms: tuple[str, ...] = ()
    vad_events: bool = False
    utterance_end_s: float | None = None

    @property
    def mode(self) -> Literal["ambient", "dual"]:
        return "dual" if self.multichannel and self.channels == 2 else "ambient"

    @property
    def tracks(self) -> int:
        """Channels that get results of their own."""
        return 2 if self.mode == "dual" else 1


def read(query: Query) -> Asked:
    """Raises ProtocolError, which says what to change."""
    for name, why in PROMISES.items():
        if name in query:
            raise ProtocolError("unsupported_parameter", why)
    encoding = query.getone("encoding", "")
    if encoding != "linear16":
        given = "this encoding is not supported" if encoding else "without encoding, a file or a container would follow"
        raise ProtocolError(
            "invalid_encoding",
            f"{given}: send raw signed 16-bit little-endian samples, and say so with encoding=linear16&sample_rate=...",
        )
    interim = _flag(query, "interim_results")
    end_ms = _number(query, "utterance_end_ms", None)
    if end_ms is not None and not SHORTEST_END_MS <= end_ms <= LONGEST_END_MS:
        raise ProtocolError(
            "invalid_parameter", f"utterance_end_ms must be {SHORTEST_END_MS} to {LONGEST_END_MS}, or left out"
        )
    if end_ms is not None and not interim:
        raise ProtocolError("invalid_parameter", "utterance_end_ms needs interim_results=true: add it")
    sample_rate = _number(query, "sample_rate", None)
    if sample_rate is None:
        raise ProtocolError("invalid_parameter", "encoding=linear16 needs the sample rate: add sample_rate=16000")
    return Asked(
        sample_rate,
        _number(query, "channels", 1) or 0,
        _flag(query, "multichannel"),
        interim,
        _language(query),
        _terms(query),
        _flag(query, "vad_events"),
        None if end_ms is None else end_ms / 1000,
    )


def _flag(query: Query, name: str) -> bool:
    if name not in query:
        return False
    value = query.getone(name, "").lower()
    if value not in TRUE + FALSE:
        raise ProtocolError("invalid_parameter", f"{name} must be true or false")
    return value in TRUE


def _number(query: Query, name: str, default: int | None) -> int | None:
    if name not in query:
        return default
    value = query.getone(name, "")
    if not re.fullmatch("[0-9]{1,9}", value):
        raise ProtocolError("invalid_parameter", f"{name} must be a whole number")
    return int(value)


def _language(query: Query) -> str | None:
    if _flag(query, "detect_language"):
        return "auto"
    if "language" not in query:
        return None
    value = query.getone("language", "")
    if value == ANY_LANGUAGE:
        return "auto"
    found = _LANGUAGE.fullmatch(value)
    if found is None:
        raise ProtocolError("invalid_parameter", f"language must be a code such as en or en-US, or {ANY_LANGUAGE}")
    return found[1]


def _terms(query: Query) -> tuple[str, ...]:
    """Words to listen for: `keyterm`, and the older `keywords`, whose weights are left out."""
    older = [_KEYWORD.fullmatch(keyword) for keyword in query.getall("keywords", [])]
    found = [*query.getall("keyterm", []), *(keyword[1] for keyword in older if keyword)]
    terms = tuple(dict.fromkeys(term.strip() for term in found if term.strip()))
    if len(terms) > MAX_TERMS or any(len(term) > MAX_TERM for term in terms):
        raise ProtocolError(
            "invalid_parameter", f"keyterm: give {MAX_TERMS} terms of {MAX_TERM} characters each at most"
        )
    return terms
