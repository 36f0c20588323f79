"""`GET /v1/sessions/ID/events`: the events of a session for somebody who only watches, as Server-Sent Events."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from aiohttp import HttpVersion11, web

from server.access.access import PRINCIPAL
from server.access.doorkeeper import Doorkeeper
from server.access.principal import Principal
from server.monitoring.metrics import Metrics
from server.protocol import error_fields
from server.sessions.registry import Sessions
from server.settings import Settings
from server.socket.door import visitor_of
from server.store.restoring import Declared
from server.store.sharing import STORE_RETRY_S, StoreDown
from server.viewers.feed import Feed
from server.viewers.frames import RETRY, frame
from server.viewers.source import MOST_AT_ONCE, LogSource, Source, StoredSource
from server.viewers.viewer import Viewer, narrow

ACTION = "session_watched"
GONE = "no such session, or it ended too long ago: its events are gone"
NOT_A_NUMBER = "Last-Event-ID must be the id of an event of this session, or absent: open the stream without it"
STORE_AWAY = "the store of this server does not answer: ask again later, or ask the server that has the session"
TOO_MANY_HERE = "this session has as many viewers as it may have: close one, or let the operator raise the limit"
TOO_MANY_YOURS = "this key or user watches as many sessions as it may: close a viewer, or use another key"
RETRY_S = 10.0


class Viewers:
    """The viewers of one server's sessions, and of those that the store has from other servers."""

    def __init__(self, sessions: Sessions, settings: Settings, metrics: Metrics, keeper: Doorkeeper) -> None:
        self._sessions = sessions
        self._settings = settings
        self._metrics = metrics
        self._keeper = keeper
        self._feeds: dict[str, Feed] = {}
        self._of_session: Counter[str] = Counter()
        self._of_owner: Counter[str | None] = Counter()
        self._watching: set[Viewer] = set()
        metrics.viewers.set_function(lambda: len(self._watching))

    def routes(self, **options: Any) -> list[web.RouteDef]:
        watching = self._keeper.asks("read", self.events, "speak")
        return [web.get("/v1/sessions/{session_id}/events", watching, allow_head=False, **options)]

    async def close(self, _: web.Application) -> None:
        """Ends every stream: the sessions of this server are over, and those of the others are watched elsewhere."""
        for viewer in tuple(self._watching):
            viewer.end()

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The stream, from behind `Last-Event-ID` (a header, or `last_event_id` in the query) to the session's end.

        204 where the session has ended and the viewer has all of it: a browser then stops asking. 400, 404, 429 and 503
        are JSON and say what to do.
        """
        principal, session_id = request[PRINCIPAL], request.match_info["session_id"]
        told = request.headers.get("Last-Event-ID") or request.query.get("last_event_id") or "0"
        if not (told.isascii() and told.isdigit() and len(told) < 16):
            return self._refuse(request, 400, "bad_last_event_id", NOT_A_NUMBER)
        seq = int(told)
        try:
            source = await self._source(session_id, principal)
            if source is None:
                return self._refuse(request, 404, "no_such_session", GONE)
            last, ended = await source.end()
            if ended and seq >= last:
                return web.Response(status=204, headers={"Cache-Control": "no-store"})
        except StoreDown:
            return self._refuse(request, 503, "store_away", STORE_AWAY, session_id, STORE_RETRY_S)
        if self._of_session[session_id] >= self._settings.viewers_per_session:
            return self._refuse(request, 429, "too_many_viewers", TOO_MANY_HERE, session_id, RETRY_S)
        if self._of_owner[principal.owner] >= self._settings.key_viewers:
            return self._refuse(request, 429, "key_viewers", TOO_MANY_YOURS, session_id, RETRY_S)
        with self._counted(session_id, principal):
            self._keeper.note(request, ACTION, principal, session_id)
            return await self._stream(request, source, session_id, min(seq, last))  # a store may have lost the newest

    async def _source(self, session_id: str, principal: Principal) -> Source | None:
        """Where the session's events are; None where there is none of this principal. Raises StoreDown."""
        found = await self._sessions.readable(session_id, principal.owns)
        if found is None:
            return None
        if not isinstance(found, Declared):
            return LogSource(found.log)
        store = self._sessions.store
        return StoredSource(store, session_id) if store is not None else None

    async def _stream(self, request: web.Request, source: Source, session_id: str, seq: int) -> web.StreamResponse:
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        response = web.StreamResponse(headers=headers)
        response.force_close()
        await response.prepare(request)
        transport, principal = request.transport, request[PRINCIPAL]
        if transport is None:
            return response
        if (visitor := visitor_of(transport)) is not None:
            visitor.admitted()  # it holds a place of the viewers from now on, and none of those who wait for a session
            visitor.deafen()  # nothing that it may still send is read
        narrow(transport)
        viewer = Viewer(
            transport,
            request.version >= HttpVersion11,
            self._settings.send_timeout_s,
            lambda: self._keeper.access.in_force(principal),
            lambda reason: self._was_cut(request, principal, reason),
        )
        self._watching.add(viewer)
        try:
            with self._sessions.watching(viewer), suppress(ConnectionError, StoreDown):
                await response.write(RETRY)
                await self._show(response, viewer, source, session_id, seq)
                await response.write_eof()
        finally:
            self._watching.discard(viewer)
        return response

    async def _show(
        self, response: web.StreamResponse, viewer: Viewer, source: Source, session_id: str, seq: int
    ) -> None:
        """What is there, at the pace of the client, and then what comes, together with the other viewers."""
        feed = None
        while feed is None and not viewer.over.is_set():
            texts = await source.after(seq, MOST_AT_ONCE)
            if texts:
                frames = [frame(text) for text in texts]
                await response.write(b"".join(each.plain for each in frames))
                seq = frames[-1].seq
            else:
                feed = self._joined(viewer, source, session_id, seq)
        if feed is not None:
            try:
                await viewer.over.wait()
            finally:
                feed.leave(viewer)
                if feed.over and self._feeds.get(session_id) is feed:
                    del self._feeds[session_id]

    def _joined(self, viewer: Viewer, source: Source, session_id: str, seq: int) -> Feed | None:
        """The feed of the session, which goes on for the viewer behind `seq`; None if it is further already."""
        feed = self._feeds.get(session_id)
        if feed is None or feed.over:
            feed = self._feeds[session_id] = Feed(source, seq)
        return feed if feed.join(viewer, seq) else None

    @contextmanager
    def _counted(self, session_id: str, principal: Principal) -> Iterator[None]:
        self._of_session[session_id] += 1
        self._of_owner[principal.owner] += 1
        try:
            yield
        finally:
            self._of_session -= Counter([session_id])  # what is at zero is forgotten
            self._of_owner -= Counter([principal.owner])

    def _was_cut(self, request: web.Request, principal: Principal, reason: str) -> None:
        if reason == "key_revoked":
            self._keeper.refused(request, reason, principal)
        else:
            self._metrics.viewers_cut.inc()

    def _refuse(
        self,
        request: web.Request,
        status: int,
        code: str,
        message: str,
        session_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> web.Response:
        """The answer to who is not let in, which is counted and noted in the audit trail."""
        self._metrics.viewers_refused.labels(code).inc()
        self._keeper.note(request, ACTION, request[PRINCIPAL], session_id, outcome=code)
        headers = {"Cache-Control": "no-store"}
        if retry_after_s is not None:
            headers["Retry-After"] = str(math.ceil(retry_after_s))
        return web.json_response(error_fields(code, message, False, retry_after_s), status=status, headers=headers)
