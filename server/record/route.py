"""`GET /v1/sessions/ID/record`: the record of a consultation while it runs, and after it for as long as it is kept.

The session's id is the key: nobody guesses it, and only the client that started the session has it.
"""

from datetime import UTC, datetime
from importlib.metadata import version

from aiohttp import web

from server.audit.actors import who
from server.monitoring.metrics import Metrics
from server.protocol import error_fields
from server.record.formats import FORMATS, NAMES, FormatName, NotInstalled, check_installed
from server.record.record import Declared
from server.record.renderer import job
from server.record.rendering import RecordsBusy, Rendering, RenderingFailed
from server.sessions.registry import Sessions
from server.sessions.session import Session

_SOFTWARE = ("drtranscribe", version("drtranscribe"))


class Records:
    """The route's handler over the sessions of one server."""

    def __init__(self, sessions: Sessions, rendering: Rendering, metrics: Metrics) -> None:
        self._sessions = sessions
        self._rendering = rendering
        self._metrics = metrics

    async def get(self, request: web.Request) -> web.Response:
        """As `_answer`; the audit trail holds who asked and how it went."""
        answer = await self._answer(request)
        session = request.match_info["session_id"] if answer.status != 404 else None
        outcome = "ok" if answer.status == 200 else f"status_{answer.status}"
        self._sessions.audit.note("record_read", session=session, outcome=outcome, **who(request))
        return answer

    async def _answer(self, request: web.Request) -> web.Response:
        """Query `format`: json (default), markdown, fhir or pdf. 400, 404, 500, 501 and 503 are JSON: what to do."""
        name = next((known for known in NAMES if known == request.query.get("format", "json")), None)
        if name is None:
            return self._fault(400, "unknown_format", f"give format as one of: {', '.join(NAMES)}")
        session = self._sessions.known(request.match_info["session_id"])
        if session is None:
            return self._fault(404, "no_such_session", "no such session, or it ended too long ago: its record is gone")
        try:
            check_installed(name)
            body = await self._rendering.render(_job(session, name))
        except NotInstalled as missing:
            return self._fault(501, "not_installed", str(missing))
        except RecordsBusy as busy:
            return self._fault(503, "records_busy", "too many records are asked for at once: ask again later", busy)
        except RenderingFailed:
            told = f"the record could not be made as {name}: ask again, or for another format (json, markdown)"
            return self._fault(500, "record_failed", told)
        form = FORMATS[name]
        begun = session.started_at.strftime("%Y%m%d-%H%M%S")
        headers = {
            "Content-Type": form.content_type,
            "Content-Disposition": f'attachment; filename="consultation-{begun}{form.suffix}"',
            "Cache-Control": "no-store",
        }
        return web.Response(body=body, headers=headers)

    def _fault(self, status: int, code: str, message: str, busy: RecordsBusy | None = None) -> web.Response:
        self._metrics.records_refused.labels(code).inc()
        headers = {"Cache-Control": "no-store"}
        if busy is not None:
            headers["Retry-After"] = str(busy.retry_after_s)
        return web.json_response(error_fields(code, message, fatal=False), status=status, headers=headers)


def _job(session: Session, name: FormatName) -> bytes:
    options = session.options
    declared = Declared(options.mode, options.language, options.patient, session.started_at)
    return job(session.log.kept(), name, session.id, declared, datetime.now(UTC), _SOFTWARE)
