"""`GET /v1/sessions/ID/record`, `DELETE /v1/sessions/ID` and `GET /v1/templates`: records, and their end for good.

A session is found by its id, by those alone to whom it belongs. Others get the answer that an unknown id gets.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version

from aiohttp import web

from server.access.access import PRINCIPAL
from server.access.doorkeeper import Doorkeeper
from server.access.principal import Principal
from server.monitoring.metrics import Metrics
from server.protocol import error_fields
from server.record.formats import FORMATS, NAMES, FormatName, NotInstalled, check_installed
from server.record.record import Declared
from server.record.renderer import job
from server.record.rendering import RecordsBusy, Rendering, RenderingFailed, TemplateBroken
from server.record.templates.catalogue import DEFAULT, Template
from server.sessions.registry import Consulted, Sessions
from server.sessions.session import Session
from server.store.sharing import STORE_RETRY_S, StoreDown

GONE = "no such session, or it ended too long ago: its record is gone"
NOT_READ = "the store of this server does not answer and may hold the session: ask again, or another server"
NOT_ERASED = "the store of this server does not answer and may still hold the session: ask again; 404 says it is gone"
_SOFTWARE = ("drtranscribe", version("drtranscribe"))


class Records:
    """The routes' handlers over the sessions of one server; `request[PRINCIPAL]` is who asks."""

    def __init__(
        self,
        sessions: Sessions,
        rendering: Rendering,
        metrics: Metrics,
        keeper: Doorkeeper,
        templates: Mapping[str, Template],
    ) -> None:
        self._sessions = sessions
        self._templates = templates
        self._rendering = rendering
        self._metrics = metrics
        self._keeper = keeper

    async def get(self, request: web.Request) -> web.Response:
        """Query `format`: json (default), markdown, fhir, pdf, text or lines; for the last two, `template`.

        400, 404, 500, 501 and 503 are JSON: what to do.
        """
        name = next((known for known in NAMES if known == request.query.get("format", "json")), None)
        if name is None:
            told = f"give format as one of: {', '.join(NAMES)}"
            return self._fault(request, "record_read", 400, "unknown_format", told)
        template = self._templates.get(request.query.get("template", DEFAULT))
        if template is None or ("template" in request.query and not FORMATS[name].templated):
            told = f"give template as one of: {', '.join(self._templates)}; it goes with the formats text and lines"
            return self._fault(request, "record_read", 400, "unknown_template", told)
        principal = request[PRINCIPAL]
        try:
            session = await self._sessions.consulted(request.match_info["session_id"], principal.owns)
        except StoreDown:
            return self._fault(request, "record_read", 503, "store_away", NOT_READ, retry_after_s=STORE_RETRY_S)
        if session is None:
            return self._fault(request, "record_read", 404, "no_such_session", GONE)
        try:
            check_installed(name)
            body = await self._rendering.render(_job(session, name, template.name))
        except NotInstalled as missing:
            return self._fault(request, "record_read", 501, "not_installed", str(missing), session.id)
        except RecordsBusy as busy:
            told = "too many records are asked for at once: ask again later"
            return self._fault(request, "record_read", 503, "records_busy", told, session.id, busy.retry_after_s)
        except TemplateBroken as broken:
            told = f"the template {broken} cannot be rendered: tell the operator, who corrects this line of it"
            return self._fault(request, "record_read", 500, "template_failed", told, session.id)
        except RenderingFailed:
            told = f"the record could not be made as {name}: ask again, or for another format (json, markdown)"
            return self._fault(request, "record_read", 500, "record_failed", told, session.id)
        self._keeper.note(request, "record_read", principal, session.id)
        form = FORMATS[name]
        html = name == "text" and template.kind == "html"
        begun = session.started_at.strftime("%Y%m%d-%H%M%S")
        headers = {
            "Content-Type": "text/html; charset=utf-8" if html else form.content_type,
            "Content-Disposition": f'attachment; filename="consultation-{begun}{".html" if html else form.suffix}"',
            "Cache-Control": "no-store",
        }
        return web.Response(body=body, headers=headers)

    async def templates(self, _request: web.Request) -> web.Response:
        """Names, titles and kinds of the templates that a note may have the form of."""
        known = [{"name": each.name, "title": each.title, "kind": each.kind} for each in self._templates.values()]
        return web.json_response({"templates": known}, headers={"Cache-Control": "no-store"})

    async def erase(self, request: web.Request) -> web.Response:
        """Ends the session if it runs, on whichever server of a store, and forgets all of it.

        204; 404 where there is none of this principal; 503 where the store does not answer.
        """
        principal, session_id = request[PRINCIPAL], request.match_info["session_id"]
        session = self._owned(request, principal)
        try:
            if session is not None:
                self._sessions.erase(session)
                await self._sessions.erased(session_id)
            elif not await self._sessions.erase_elsewhere(session_id, principal.owns):
                return self._fault(request, "session_erased", 404, "no_such_session", GONE)
        except StoreDown:
            known = session.id if session is not None else None  # anything else is what a client made up
            return self._fault(request, "session_erased", 503, "store_away", NOT_ERASED, known, STORE_RETRY_S)
        self._keeper.note(request, "session_erased", principal, session_id)
        return web.Response(status=204, headers={"Cache-Control": "no-store"})

    def _owned(self, request: web.Request, principal: Principal) -> Session | None:
        session = self._sessions.known(request.match_info["session_id"])
        return session if session is not None and principal.owns(session.owner) else None

    def _fault(
        self,
        request: web.Request,
        action: str,
        status: int,
        code: str,
        message: str,
        session_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> web.Response:
        """The answer to a request that came to nothing, which is counted and noted in the audit trail."""
        self._metrics.records_refused.labels(code).inc()
        self._keeper.note(request, action, request[PRINCIPAL], session_id, outcome=code)
        headers = {"Cache-Control": "no-store"}
        if retry_after_s is not None:
            headers["Retry-After"] = str(math.ceil(retry_after_s))
        return web.json_response(error_fields(code, message, fatal=False), status=status, headers=headers)


def _job(session: Consulted, name: FormatName, template: str) -> bytes:
    options = session.options
    declared = Declared(options.mode, options.language, options.patient, session.started_at)
    return job(session.events, name, session.id, declared, datetime.now(UTC), _SOFTWARE, template)
