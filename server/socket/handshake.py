"""`GET /ws`: who connects, and what the socket is before there is a session."""

from aiohttp import web

from server import protocol
from server.access.access import Denied
from server.access.doorkeeper import Doorkeeper
from server.access.principal import ANYBODY
from server.sessions.registry import Sessions
from server.settings import Settings
from server.socket.websocket import Connection

MAX_MESSAGE_BYTES = 2 << 20
"""aiohttp closes with 1009 above this by itself: 10 s of two channels at 48 kHz fit, and 10 s of one channel at 16 kHz
in base64. A session's own, lower limit is answered with an error event first, and before there is a session the door
lets in 64 kB (server/socket/door.py)."""


def socket(*protocols: str) -> web.WebSocketResponse:
    """A WebSocket before its handshake; it agrees to one of these subprotocols."""
    return web.WebSocketResponse(
        protocols=protocols,
        autoping=False,
        compress=False,  # speech and short events shrink little, for a third of a megabyte and a pass of zlib each
        max_msg_size=MAX_MESSAGE_BYTES,
        writer_limit=0,  # every send waits while the client does not read, not one in 256 KiB of them
    )


async def consultation(
    request: web.Request, sessions: Sessions, settings: Settings, keeper: Doorkeeper
) -> web.StreamResponse:
    """The handshake, then the connection until it closes. Host and origin were looked at before.

    Who may not speak is told so on the open socket, since a browser shows its page nothing of a refused handshake.
    """
    offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]
    if protocol.SUBPROTOCOL not in offered:
        keeper.refused(request, "no_subprotocol")
        raise web.HTTPBadRequest(text=f"offer the WebSocket subprotocol {protocol.SUBPROTOCOL}\n")
    principal, refusal = ANYBODY, None
    try:
        principal = keeper.admit(request, "speak")
    except Denied as denied:
        if not denied.explained:
            return keeper.refusal(request, denied)
        refusal = denied
    ws = socket(protocol.SUBPROTOCOL)
    await ws.prepare(request)
    connection = Connection(ws, request, sessions, settings, keeper, principal)
    if refusal is None:
        await connection.serve()
    else:
        await connection.turn_away(refusal)
    return ws
