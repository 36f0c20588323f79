"""A session from what the store holds of it: what was declared, the events, and the last checkpoint. Pure."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json

from inference.extraction.evidence.merging import Findings
from inference.findings import Finding, Operation
from inference.stream import Resumed, StreamOptions
from inference.stream.writing import ID_PREFIX
from inference.transcript import Segment, Speaker
from server import protocol
from server.store.journal import checkpoints
from server.store.stored import Kept


@dataclass(frozen=True, slots=True)
class Declared:
    """What the events do not say: what the client declared, and the hash of the token that resumes the session."""

    options: StreamOptions
    token_sha256: str
    started_at: datetime
    owner: str | None = None

    def owns(self, resume_token: str) -> bool:
        return compare_digest(self.token_sha256, hashed(resume_token))


@dataclass(frozen=True, slots=True)
class Restored:
    """What a session goes on from; a new one has nothing behind it.

    `requests` are the client's numbers of the messages that were answered, `notices` what it was told about the audio
    before `received` samples. `ended`: nothing follows but the reading of the log.
    """

    events: Sequence[tuple[int, bytes]] = ()
    resumed: Resumed = field(default_factory=Resumed)
    requests: frozenset[int] = frozenset()
    notices: Counter[tuple[str, str]] = field(default_factory=Counter)
    received: int = 0
    edits_bytes: int = 0
    paused: bool = False
    ended: bool = False

    @property
    def mark(self) -> int:
        """The sample from which the client sends its audio again."""
        return self.resumed.checkpoint.mark if self.resumed.checkpoint is not None else 0

    @property
    def container(self) -> dict[str, Any] | None:
        """What the decoder of the client's stream goes on from; None for bare samples, and for the beginning."""
        return self.resumed.checkpoint.container if self.resumed.checkpoint is not None else None


declarations: TypeAdapter[Declared] = TypeAdapter(Declared)
_segment = TypeAdapter(Segment)
_finding = TypeAdapter(Finding)
_SPEAKERS: dict[str, Speaker] = {prefix: speaker for speaker, prefix in ID_PREFIX.items()}


def hashed(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()


def without_token(text: bytes, token: str) -> bytes:
    """`session_started` as it is stored: whoever reads the store cannot resume the session."""
    return text.replace(json.dumps(token).encode(), b'""') if text.startswith(b'{"type":"session_started"') else text


def restored(kept: Kept, token: str) -> Restored:
    """What the events and the checkpoint say. `token` is the one that the client has shown."""
    folded = _Fold()
    events = []
    for seq, text in kept.events:
        event = from_json(text)
        if event["type"] == "session_started":
            fields = {name: value for name, value in event.items() if name not in ("type", "seq")}
            text = protocol.event("session_started", seq, **fields | {"resume_token": token})
        events.append((seq, text))
        folded.take(event, len(text))
    checkpoint = None if kept.checkpoint is None else checkpoints.validate_json(kept.checkpoint)
    return Restored(
        events,
        Resumed(
            checkpoint,
            folded.finals,
            frozenset(folded.written),
            folded.shown,
            Findings.folded(folded.changes),
            frozenset(folded.faults),
            folded.left_out,
        ),
        frozenset(folded.requests),
        folded.notices,
        folded.received,
        folded.edits_bytes,
        folded.paused,
        folded.ended,
    )


class _Fold:
    def __init__(self) -> None:
        self.finals: list[Segment] = []
        self.written: set[str] = set()
        self.shown: dict[Speaker, int] = {}
        self.changes: list[tuple[int, bool, list[Operation]]] = []
        self.faults: set[str] = set()
        self.left_out: list[str] = []
        self.requests: set[int] = set()
        self.notices: Counter[tuple[str, str]] = Counter()
        self.received = 0
        self.edits_bytes = 0
        self.paused = False
        self.ended = False

    def take(self, event: dict[str, Any], size: int) -> None:
        if "request" in event:
            self.requests.add(event["request"])
        match event["type"]:
            case "transcript":
                self._take_segment(event["segment"])
            case "extraction":
                judged = event.get("judged", False)
                self.edits_bytes += size if judged else 0
                operations = [Operation(op["op"], _finding.validate_python(op["finding"])) for op in event["ops"]]
                self.changes.append((event["revision"], judged, operations))
            case "omissions":
                self.left_out = event["left_out"]
            case "progress":
                self.received = max(self.received, event["received_samples"])
            case "notice":
                self.notices[event["code"], event["message"]] += 1
            case "error":
                self.faults.add(event["code"])
            case "session_paused":
                self.paused = True
            case "session_continued":
                self.paused = False
            case "session_stopped":
                self.ended = True

    def _take_segment(self, fields: dict[str, Any]) -> None:
        segment = _segment.validate_python(fields)
        if not segment.final:
            self.shown[segment.speaker] = int(segment.id[1:])
        elif segment.id not in self.written:
            self.written.add(segment.id)
            if segment.text:
                self.finals.append(segment)
