"""What a server answers over HTTP beside the WebSocket: records, the end of a session for good, and tickets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import aiohttp
from yarl import URL

from drtranscribe.socket import ConsultationError, addresses, authorised, retry_after_s

RecordFormat: TypeAlias = Literal["json", "markdown", "fhir", "pdf", "text", "lines"]

_TIMEOUT_S = 60.0


async def fetch_record(
    url: str,
    session_id: str,
    format: RecordFormat = "json",
    *,
    template: str | None = None,
    api_key: str | None = None,
) -> bytes:
    """The record of a session as a file's content; `url` is the one that the session was opened with.

    The server makes it while the session runs, and after its end for as long as it keeps the session (`--retention`).
    `template` is the form of the note in the formats "text" and "lines": "soap" (the default), "problems", "referral",
    "patient", or one of the server's own (`GET /v1/templates`).

    A server without the extra `clinical` makes no "fhir" and no "pdf". Raises ConsultationError: `no_record` where
    the server has none, with `retry_after_s` where it is only busy.
    """
    at = _beside(url, f"v1/sessions/{session_id}/record").with_query(
        {"format": format} | ({} if template is None else {"template": template})
    )
    async with _asking("GET", at, api_key, "no record") as response:
        body = await response.read()
        if response.status != 200:
            message = f"no record as {format}: {await _told(response)}"
            raise ConsultationError("no_record", message, retry_after_s(response.headers))
        return body


async def erase_session(url: str, session_id: str, *, api_key: str | None = None) -> None:
    """Ends a session if it runs, and has the server forget all of it. Raises ConsultationError: `not_erased`."""
    async with _asking("DELETE", _beside(url, f"v1/sessions/{session_id}"), api_key, "not erased") as response:
        if response.status != 204:
            raise ConsultationError("not_erased", f"not erased: {await _told(response)}")


async def fetch_ticket(url: str, *, api_key: str) -> str:
    """A ticket for one WebSocket of a client that cannot send headers, such as a browser; it is valid for 60 s.

    The client offers it as a second subprotocol, `bearer.TICKET`. Raises ConsultationError: `not_authorised`.
    """
    async with _asking("POST", _beside(url, "v1/tickets"), api_key, "no ticket") as response:
        if response.status != 200:
            message = f"no ticket: {await _told(response)}"
            raise ConsultationError("not_authorised", message, retry_after_s(response.headers))
        return str((await response.json())["ticket"])


@asynccontextmanager
async def _asking(method: str, at: URL, api_key: str | None, fault: str) -> AsyncIterator[aiohttp.ClientResponse]:
    timeout = aiohttp.ClientTimeout(_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(headers=authorised(api_key), timeout=timeout) as http,
            http.request(method, at) as response,
        ):
            yield response
    except (aiohttp.ClientError, TimeoutError) as lost:
        where = at.origin()
        message = f"{fault}: the server at {where} does not answer any more ({type(lost).__name__})"
        raise ConsultationError("unreachable", message) from lost


def _beside(url: str, name: str) -> URL:
    """Behind the same proxy's path as the WebSocket: wss://HOST/scribe/ws -> https://HOST/scribe/v1/..."""
    socket = addresses(url)[0]
    scheme = {"ws": "http", "wss": "https"}.get(socket.scheme, socket.scheme)
    return socket.with_scheme(scheme).with_path(f"{socket.path.removesuffix('/ws').rstrip('/')}/{name}")


async def _told(response: aiohttp.ClientResponse) -> str:
    """The message of the server's error, where it speaks our JSON."""
    try:
        return str((await response.json(content_type=None))["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answers HTTP {response.status}"
