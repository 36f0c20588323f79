"""`/ws` without a subprotocol: a session of ours behind the messages of the legacy contract."""

from dataclasses import dataclass

from aiohttp import web

from server.access.access import Denied
from server.access.principal import ANYBODY
from server.compat.legacy.client import Client, farewell
from server.compat.legacy.visits import Visits
from server.compat.line import Line, Site
from server.protocol import Close
from server.socket.handshake import MAX_MESSAGE_BYTES, socket

KEY_REVOKED = "the key of this connection was revoked: ask the server's operator for another one"


@dataclass(frozen=True, slots=True)
class LegacySockets:
    """The handler of one server, and the visits of its clients."""

    site: Site
    visits: Visits

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Who may not speak is told so on the open socket, since a browser shows nothing of a refused handshake."""
        keeper = self.site.keeper
        principal, refusal = ANYBODY, None
        try:
            principal = keeper.admit(request, "speak")
        except Denied as denied:
            if not denied.explained:
                return keeper.refusal(request, denied)
            refusal = denied
        ws = socket()
        line = Line(ws, request, self.site, principal, farewell(Close.NOT_AUTHORISED, "key_revoked", KEY_REVOKED))
        await ws.prepare(request)
        if refusal is not None:
            close = Close.FULL if refusal.status == 429 else Close.NOT_AUTHORISED
            await line.part(farewell(close, refusal.code, str(refusal)))
            return ws
        if line.visitor is not None:
            line.visitor.most_bytes = MAX_MESSAGE_BYTES  # a chunk may come first, and is to be answered
        client = Client(line, self.site, self.visits, principal)
        try:
            await line.converse(client.receive(), client.send(), client.update(), client.tick())
        finally:
            client.leave()
        return ws
