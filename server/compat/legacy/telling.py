"""What a legacy client is told of its visit: the events of the session's log in the words of the contract."""

import asyncio
import json
import math
from collections.abc import Mapping
from typing import Any

from server.compat.legacy import messages
from server.compat.legacy.messages import SOURCES
from server.compat.legacy.visits import Visit
from server.compat.line import Line

EVERY_S = 5.0
"""At most one `extraction_update` in this time, but for the last."""

SPEAKERS = {"clinician": "mic", "patient": "tab", "unknown": "ambient"}


class Telling:
    """The messages to one connection. Run `update` beside `follow`; both raise ConnectionError when it is lost."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._now = asyncio.get_running_loop().time
        self._changed: Visit | None = None  # whose findings are not told as they are now
        self._due = asyncio.Event()
        self._told_at = -math.inf

    async def follow(self, visit: Visit) -> None:
        """Tells of a visit from what its client has not been told to its last event."""
        async for text in visit.session.log.follow(visit.seq):
            event = json.loads(text)
            visit.apply(event)
            await self._tell(visit, event)
            visit.seq = event["seq"]  # not before: a client that is lost meanwhile is told again

    async def update(self) -> None:
        """Tells the state of the findings when they have changed, `EVERY_S` apart."""
        while True:
            await self._due.wait()
            await asyncio.sleep(max(0.0, self._told_at + EVERY_S - self._now()))
            if self._changed is not None:
                await self._tell_findings(self._changed)

    async def _tell(self, visit: Visit, event: Mapping[str, Any]) -> None:
        session_id = visit.session.id
        match event["type"]:
            case "transcript" if event["segment"]["final"] and event["segment"]["text"]:
                said = event["segment"]
                await self._line.send(
                    messages.message("transcription_update", text=said["text"], source=SPEAKERS[said["speaker"]])
                )
            case "extraction":
                self._changed = visit
                self._due.set()
            case "session_paused" if visit.paused:  # else its client has gone on, and would show a pause for good
                await self._line.send(messages.message("session_paused", session_id=session_id))
            case "notice" if event["code"] == "no_speech" and visit.heard.issuperset(_sources(visit, event)):
                pass  # the client leaves silence out, so that this one says nothing about a microphone
            case "error" | "notice":
                await self._line.send(messages.error(event["code"], event["message"], session_id))
            case "session_stopped":
                await self._tell_findings(visit)
                await self._line.send(
                    messages.message("session_stopped", session_id=session_id, chunks_processed=visit.chunks)
                )

    async def _tell_findings(self, visit: Visit) -> None:
        self._changed = None
        self._due.clear()
        self._told_at = self._now()
        await self._line.send(messages.message("extraction_update", extraction=visit.extraction()))


def _sources(visit: Visit, event: Mapping[str, Any]) -> set[str]:
    """The sources that a notice is about."""
    speaker = event.get("speaker")
    return {SPEAKERS[speaker]} if speaker is not None else set(SOURCES[visit.mode])
