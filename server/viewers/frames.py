"""Events of a session as Server-Sent Events: the bytes of an event are made once, for everybody who watches. Pure."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

SHOWN_AT_START = ("type", "seq", "session_id", "audio", "limits", "models", "consent")
"""What viewers see of `session_started`. A new field stays hidden until it is named here: one of them is the token."""

STOPPED = b'{"type":"session_stopped"'
"""How the last event of a session begins."""

KEEP_ALIVE = b": \n\n"
RETRY = b"retry: 1000\n\n"
"""Browsers come back a second after a lost connection."""

_HEAD = re.compile(rb'\{"type":"(\w+)","seq":(\d+)[,}]')


@dataclass(slots=True)
class Frame:
    """One event: its number, its bytes, and the same bytes as a chunk of HTTP/1.1.

    Not frozen, although nobody changes it: a frozen one takes five times as long to make, as long as its bytes.
    """

    seq: int
    plain: bytes
    chunk: bytes


def frame(text: bytes) -> Frame:
    """The frame of an event, which is given as it goes over the WebSocket."""
    head = _HEAD.match(text)
    assert head is not None, "an event begins with its type and its number"
    kind, seq = head.groups()
    if kind == b"session_started":
        text = _without_secrets(text)
    plain = b"id: %b\nevent: %b\ndata: %b\n\n" % (seq, kind, text)
    return Frame(int(seq), plain, chunk(plain))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _without_secrets(text: bytes) -> bytes:
    fields: dict[str, Any] = from_json(text)
    return to_json({name: fields[name] for name in SHOWN_AT_START if name in fields})
