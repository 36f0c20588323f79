"""`GET /v1/sessions/ID/record`: the record of a consultation while it runs, and after it for as long as it is kept.

The session's id is the key: nobody guesses it, and only the client that started the session has it.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version

from aiohttp import web

from server.protocol import error_fields
from server.record.formats import FORMATS, NAMES, NotInstalled, render
from server.record.record import Declared, Record, draw
from server.sessions.registry import Sessions
from server.sessions.session import Session

_SOFTWARE = ("drtranscribe", version("drtranscribe"))

TURN_S = 0.0005
"""While a record is rendered, the event loop waits no longer than this for the interpreter each time it wakes up."""


class Records:
    """The route's handler over the sessions of one server."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        # A rendering is plain Python for a tenth of a second: many at once would take the loop its interpreter.
        self._one_at_a_time = asyncio.Lock()

    async def get(self, request: web.Request) -> web.Response:
        """Query `format`: json (default), markdown, fhir or pdf. 400, 404 and 501 are JSON that says what to do."""
        name = next((known for known in NAMES if known == request.query.get("format", "json")), None)
        if name is None:
            return _fault(400, "unknown_format", f"give format as one of: {', '.join(NAMES)}")
        session = self._sessions.known(request.match_info["session_id"])
        if session is None:
            return _fault(404, "no_such_session", "no such session, or it ended too long ago: its record is gone")
        async with self._one_at_a_time:
            events = session.log.kept()
            try:
                with _short_turns():
                    body = await asyncio.to_thread(lambda: render(_draw(session, events), name))
            except NotInstalled as missing:
                return _fault(501, "not_installed", str(missing))
        form = FORMATS[name]
        begun = session.started_at.strftime("%Y%m%d-%H%M%S")
        headers = {
            "Content-Type": form.content_type,
            "Content-Disposition": f'attachment; filename="consultation-{begun}{form.suffix}"',
            "Cache-Control": "no-store",
        }
        return web.Response(body=body, headers=headers)


@contextmanager
def _short_turns() -> Iterator[None]:
    """Makes threads that compute in Python give way sooner. Not to be entered twice at a time."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(min(usual, TURN_S))
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _draw(session: Session, events: list[bytes]) -> Record:
    options = session.options
    declared = Declared(options.mode, options.language, options.patient, session.started_at)
    return draw(events, session.id, declared, datetime.now(UTC), _SOFTWARE)


def _fault(status: int, code: str, message: str) -> web.Response:
    fault = error_fields(code, message, fatal=False)
    return web.json_response(fault, status=status, headers={"Cache-Control": "no-store"})
