"""The client's side of `GET /v1/sessions/ID/record`."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import aiohttp
from yarl import URL

from drtranscribe.socket import address
from server.record.formats import FormatName

_TIMEOUT_S = 60.0


async def save_records(
    formats: Mapping[Path, FormatName], url: str, session_id: str, api_key: str | None = None
) -> str | None:
    """Writes the session's record to each path in its format; `url` is the one that the session was opened with.

    Returns what went wrong, in one line that says what to do, or None.
    """
    if not formats:
        return None
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(_TIMEOUT_S)) as http:
            for path, name in formats.items():
                async with http.get(_record_url(url, session_id, name)) as response:
                    body = await response.read()
                    if response.status != 200:
                        return f"no record as {name}: {await _told(response)}"
                await asyncio.to_thread(path.write_bytes, body)
    except (aiohttp.ClientError, TimeoutError) as lost:
        return f"no record: the server at {url} does not answer any more ({type(lost).__name__})"
    except OSError as failed:
        return f"no record: {failed.filename} cannot be written ({failed.strerror})"
    return None


def _record_url(url: str, session_id: str, name: FormatName) -> URL:
    """Beside the WebSocket, behind the same proxy's path: wss://HOST/scribe/ws -> https://HOST/scribe/v1/..."""
    socket = address(url)
    scheme = {"ws": "http", "wss": "https"}.get(socket.scheme, socket.scheme)
    beside = socket.path.removesuffix("/ws").rstrip("/")
    path = f"{beside}/v1/sessions/{session_id}/record"
    return socket.with_scheme(scheme).with_path(path).with_query(format=name)


async def _told(response: aiohttp.ClientResponse) -> str:
    """The message of the server's error, where it speaks our JSON."""
    try:
        return str((await response.json(content_type=None))["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answers HTTP {response.status}"
