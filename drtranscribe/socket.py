"""One WebSocket of the client to a server: dialled, greeted and read, with typed errors for whatever goes wrong."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType
from yarl import URL

PROTOCOL = "drtranscribe.v1"

Message = dict[str, Any]
"""A text frame, either way: one JSON object with a `type`."""

Ticket = Callable[[], Awaitable[str]]
"""Gives a ticket of `POST /v1/tickets`, a new one for each connection."""

_ANSWER_TIMEOUT_S = 30.0
_HEARTBEAT_S = 60.0  # a server that holds audio back may answer a ping late

FULL, NO_SUCH_SESSION = 1013, 4404

_BAD_ADDRESS = ("bad_address", "give the server as ws://HOST:PORT/ws or wss://HOST/ws")
_FATAL_CLOSES = {
    1008: ("bad_first_message", "the server did not understand the first message"),
    1009: ("frame_too_large", "a frame was larger than the server takes"),
    1013: ("full", "the server is full; try again later"),
    4401: ("not_authorised", "the server asks for a key that is in force: pass api_key"),
    4404: ("no_such_session", "the server has no such session (any more); start a new consultation"),
    4408: ("idle", "the server ended the session because nothing was sent"),
}


class ConsultationError(Exception):
    """The consultation cannot start or go on, or there is no record. `str()` is a sentence that says what to do.

    `code` is one of the server's error codes (docs/protocol.md), or one of the client's own: `bad_address`,
    `unreachable`, `wrong_protocol`, `not_authorised`, `host_not_allowed`, `bad_event`, `connection_lost`, `ended`,
    `no_record`, `not_erased`. `retry_after_s` is there where the server named a time to try again.
    """

    def __init__(self, code: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s

    @classmethod
    def of(cls, event: Message) -> "ConsultationError":
        """What an `error` event says."""
        return cls(str(event.get("code")), str(event.get("message")), event.get("retry_after_s"))


class Closed(Exception):
    """The connection is gone: the server's close code (1006 where it said none) and the error that it sent before."""

    def __init__(self, code: int, error: ConsultationError | None = None) -> None:
        super().__init__(f"closed with {code}")
        self.code = code
        self.error = error

    def fatal(self) -> ConsultationError | None:
        """What this close means for the consultation, if it cannot go on by connecting again."""
        if self.code not in _FATAL_CLOSES:
            return None
        return self.error or ConsultationError(*_FATAL_CLOSES[self.code])


def address(url: str) -> URL:
    """The server's WebSocket; `/ws` where `url` names no path. Raises ConsultationError."""
    try:
        return URL(url) if URL(url).path not in ("", "/") else URL(url).with_path("/ws")
    except ValueError:
        raise ConsultationError(*_BAD_ADDRESS) from None


def addresses(urls: str) -> list[URL]:
    """Several servers, with commas between them. Raises ConsultationError."""
    found = [address(url.strip()) for url in urls.split(",") if url.strip()]
    if not found:
        raise ConsultationError(*_BAD_ADDRESS)
    return found


def authorised(api_key: str | None) -> dict[str, str]:
    """The headers that carry a key."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The seconds after which an HTTP answer asks to try again, if it names them."""
    after = headers.get("Retry-After", "")
    return float(after) if after.isdecimal() else None


async def greet(
    http: ClientSession, url: URL, message: Message, answer: str, dial_s: float, ticket: Ticket | None = None
) -> tuple[ClientWebSocketResponse, Message]:
    """A new connection on which the server answered the first message with an event of type `answer`.

    `dial_s` is the time that the server has to accept it.

    Raises Closed, and ConsultationError where no other try could end better.
    """
    error: ConsultationError | None = None
    ws = await _dial(http, url, dial_s, await ticket() if ticket is not None else None)
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            await ws.send_json(message)
            while (event := await receive(ws))["type"] != answer:
                if event["type"] == "error":
                    error = ConsultationError.of(event)
        return ws, event
    except BaseException as lost:
        await ws.close()
        if isinstance(lost, TimeoutError | ConnectionError):
            raise Closed(1006) from lost
        if isinstance(lost, Closed):
            lost.error = error or lost.error
        raise


async def receive(ws: ClientWebSocketResponse) -> Message:
    """The next event. Raises Closed, and ConsultationError for what is no event."""
    message = await ws.receive()
    if message.type is WSMsgType.TEXT:
        with suppress(ValueError):
            event = json.loads(message.data)
            if isinstance(event, dict) and "type" in event:
                return event
    if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
        raise ConsultationError("bad_event", f"the server sent a message that is not of {PROTOCOL}")
    if message.type is WSMsgType.CLOSE:
        raise Closed(message.data or 1006, _error_in_reason(message.data, message.extra))
    raise Closed(ws.close_code or 1006)


async def _dial(http: ClientSession, url: URL, limit_s: float, ticket: str | None) -> ClientWebSocketResponse:
    try:
        async with asyncio.timeout(limit_s):
            ws = await http.ws_connect(
                url,
                protocols=(PROTOCOL, f"bearer.{ticket}") if ticket is not None else (PROTOCOL,),
                heartbeat=_HEARTBEAT_S,
                timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
            )
    except aiohttp.WSServerHandshakeError as refused:
        raise _refusal(refused) from refused
    except (aiohttp.ClientConnectionError, TimeoutError, OSError) as lost:
        raise Closed(1006) from lost
    except (aiohttp.InvalidURL, ValueError) as wrong:
        raise ConsultationError(*_BAD_ADDRESS) from wrong
    if ws.protocol != PROTOCOL:
        await ws.close()
        raise ConsultationError("wrong_protocol", f"the server at {url} does not speak {PROTOCOL}")
    return ws


def _error_in_reason(code: int | None, reason: object) -> ConsultationError | None:
    """The retry_after_s that a close frame's reason may carry as JSON."""
    try:
        retry_after_s = float(json.loads(str(reason))["retry_after_s"])
    except (ValueError, TypeError, KeyError):
        return None
    return ConsultationError(*_FATAL_CLOSES[code], retry_after_s) if code in _FATAL_CLOSES else None


def _refusal(refused: aiohttp.WSServerHandshakeError) -> Exception:
    """What an HTTP answer instead of a WebSocket means."""
    if refused.status in (401, 403):
        return Closed(4401)
    if refused.status == 421:
        return ConsultationError(
            "host_not_allowed",
            "the server does not go by this name: connect by its address, or add it to --allowed-hosts",
        )
    if refused.status in (429, 503):
        return Closed(1013, ConsultationError(*_FATAL_CLOSES[1013], retry_after_s(refused.headers or {})))
    if refused.status >= 500:
        return Closed(1006)
    return ConsultationError("bad_address", f"HTTP {refused.status}: give the server's WebSocket, ws://HOST:PORT/ws")
