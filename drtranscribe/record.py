"""The record of a consultation over HTTP: `GET /v1/sessions/ID/record`, beside the WebSocket."""

from typing import Literal, TypeAlias

import aiohttp
from yarl import URL

from drtranscribe.socket import ConsultationError, addresses, authorised, retry_after_s

RecordFormat: TypeAlias = Literal["json", "markdown", "fhir", "pdf"]

_TIMEOUT_S = 60.0


async def fetch_record(
    url: str, session_id: str, format: RecordFormat = "json", *, api_key: str | None = None
) -> bytes:
    """The record of a session as a file's content; `url` is the one that the session was opened with.

    The server makes it while the session runs, and after its end for `limits.resume_ttl_s`. A server without the extra
    `clinical` makes "json" and "markdown" alone. Raises ConsultationError: `no_record` where the server has none, with
    `retry_after_s` where it is only busy.
    """
    timeout = aiohttp.ClientTimeout(_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(headers=authorised(api_key), timeout=timeout) as http,
            http.get(_record_url(url, session_id, format)) as response,
        ):
            body = await response.read()
            if response.status != 200:
                message = f"no record as {format}: {await _told(response)}"
                raise ConsultationError("no_record", message, retry_after_s(response.headers))
            return body
    except (aiohttp.ClientError, TimeoutError) as lost:
        message = f"no record: the server at {url} does not answer any more ({type(lost).__name__})"
        raise ConsultationError("unreachable", message) from lost


def _record_url(url: str, session_id: str, format: RecordFormat) -> URL:
    """Behind the same proxy's path as the WebSocket: wss://HOST/scribe/ws -> https://HOST/scribe/v1/..."""
    socket = addresses(url)[0]
    scheme = {"ws": "http", "wss": "https"}.get(socket.scheme, socket.scheme)
    beside = socket.path.removesuffix("/ws").rstrip("/")
    path = f"{beside}/v1/sessions/{session_id}/record"
    return socket.with_scheme(scheme).with_path(path).with_query(format=format)


async def _told(response: aiohttp.ClientResponse) -> str:
    """The message of the server's error, where it speaks our JSON."""
    try:
        return str((await response.json(content_type=None))["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answers HTTP {response.status}"
