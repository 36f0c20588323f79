"""`GET /v1/sessions/ID/events` over a real server."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from inference.extraction import tables
from server.access.keys import remove
from server.app import METRICS, SESSIONS
from server.viewers import viewer as viewer_module
from tests.support.access import Notes, key
from tests.support.fakes import speech
from tests.support.live import Client, Event, Server, serving, until
from tests.support.redis import redis_or_skip

AUDIO = speech((0.5, 0), (2, 0.5), (1.5, 0))
TOKENLESS = {"type", "seq", "session_id", "audio", "limits", "models", "consent"}


class Stream:
    """The response of one viewer, read event by event."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.seen: list[Event] = []
        self.raw = b""

    async def next(self) -> Event | None:
        """The next event; None at the end of the stream."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(60):
            while line := await self.response.content.readline():
                self.raw += line
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "data" in fields:
                    event: Event = json.loads(fields["data"])
                    assert (fields["id"], fields["event"]) == (str(event["seq"]), event["type"])
                    self.seen.append(event)
                    return event
                else:
                    fields = {}
        return None

    async def until(self, kind: str) -> Event:
        while (event := await self.next()) is not None:
            if event["type"] == kind:
                return event
        raise AssertionError(f"the stream ended without {kind}")

    async def rest(self) -> list[Event]:
        while await self.next() is not None:
            pass
        return self.seen


@asynccontextmanager
async def watching(
    server: Server, session_id: str, after: int | None = None, headers: dict[str, str] | None = None
) -> AsyncIterator[Stream]:
    shown = {**(headers or {}), **({"Last-Event-ID": str(after)} if after is not None else {})}
    async with server.http.get(f"{server.url}/v1/sessions/{session_id}/events", headers=shown) as response:
        assert response.status == 200, await response.text()
        yield Stream(response)


async def asked(server: Server, session_id: str, query: str = "", **headers: str) -> tuple[int, Any]:
    path = f"{server.url}/v1/sessions/{session_id}/events{query}"
    async with server.http.get(path, headers=headers) as response:
        text = await response.text() if response.status != 200 else ""
        return response.status, json.loads(text) if text else None


async def talk(client: Client, **fields: Any) -> str:
    started = await client.start(**fields)
    await client.say(AUDIO)
    await client.say({"type": "marker", "id": 1})
    await client.hear("marker")
    session_id: str = started["session_id"]
    return session_id


def without_token(events: list[Event]) -> list[Event]:
    return [
        {name: value for name, value in event.items() if name in TOKENLESS}
        if event["type"] == "session_started"
        else event
        for event in events
    ]


async def test_viewers_see_every_event_of_the_session_while_it_runs_and_end_with_it():
    notes = Notes()
    async with serving(audit_trail=notes) as server, server.connect() as client:
        session_id = await talk(client)
        async with watching(server, session_id) as first, watching(server, session_id) as second:
            assert first.response.headers["Content-Type"] == "text/event-stream"
            assert first.response.headers["X-Accel-Buffering"] == "no"
            assert (await first.until("marker"))["id"] == 1
            await until(lambda: server.app[METRICS].registry.get_sample_value("drtranscribe_viewers") == 2)
            await client.say({"type": "confirm_finding", "finding_id": "f1"})
            await client.hear("extraction")
            while first.seen[-1]["type"] != "extraction":
                await first.next()
            await client.finish()
            seen = await first.rest()
            assert seen == await second.rest() == without_token(client.events)
        assert client.events[0]["resume_token"].encode() not in first.raw
        assert server.app[METRICS].registry.get_sample_value("drtranscribe_viewers") == 0
    assert [line for line in notes.lines if line[0] == "session_watched"] == [
        ("session_watched", "anonymous", "ok")
    ] * 2


async def test_a_viewer_goes_on_behind_its_last_event_and_is_told_to_stop_when_it_has_all():
    async with serving() as server, server.connect() as client:
        session_id = await talk(client)
        async with watching(server, session_id, after=2) as stream:
            assert (await stream.next())["seq"] == 3
        stopped = await client.finish()
        async with watching(server, session_id, after=3) as stream:
            assert [event["seq"] for event in await stream.rest()] == list(range(4, stopped["seq"] + 1))
        assert (await asked(server, session_id, **{"Last-Event-ID": str(stopped["seq"])}))[0] == 204
        assert (await asked(server, session_id, f"?last_event_id={stopped['seq']}"))[0] == 204
        status, fault = await asked(server, session_id, **{"Last-Event-ID": "f7"})
        assert (status, fault["code"]) == (400, "bad_last_event_id")
        assert (await asked(server, "nobody"))[1]["code"] == "no_such_session"


async def test_a_client_of_http_1_0_gets_plain_bytes_and_head_is_refused():
    async with serving() as server, server.connect() as client:
        session_id = await talk(client)
        host, port = server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        path = f"/v1/sessions/{session_id}/events"
        writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        await reader.readuntil(b'"marker"')
        await client.finish()
        rest = await reader.read()
        writer.close()
        assert rest.count(b"\nevent: session_stopped\n") == 1
        assert rest.endswith(b"}\n\n")
        async with server.http.head(server.url + path) as response:
            assert response.status == 404


async def test_nobody_sees_the_session_of_another_owner_and_a_key_that_reads_sees_its_own(tmp_path):
    keys = tmp_path / "keys"
    ada = key(keys, "ada", "speak", owner="clinic")
    screen, stranger = key(keys, "screen", "read", owner="clinic"), key(keys, "bob", "speak", "read")
    counter = key(keys, "counter", "metrics", owner="clinic")
    notes = Notes()
    async with serving(keys_file=keys, audit_trail=notes) as server, server.connect(headers=ada) as client:
        session_id = await talk(client)
        for header in (ada, screen):
            async with watching(server, session_id, headers=header) as stream:
                assert (await stream.next())["type"] == "session_started"
        assert (await asked(server, session_id))[0] == 401
        assert (await asked(server, session_id, **counter))[1]["code"] == "scope_missing"
        refused = await asked(server, session_id, **stranger)
        assert (refused[0], refused[1]["code"]) == (404, "no_such_session")
        assert refused == await asked(server, "nobody", **stranger)
        async with watching(server, session_id, headers=screen) as stream:
            await stream.until("marker")
            remove(keys, "screen")
            with pytest.raises(aiohttp.ClientError):
                await stream.rest()
    lines = [line for line in notes.lines if line[0] in ("session_watched", "refused")]
    assert ("session_watched", "screen", "ok") in lines
    assert ("session_watched", "bob", "no_such_session") in lines
    assert ("refused", "counter", "scope_missing") in lines
    assert ("refused", "screen", "key_revoked") in lines


async def test_viewers_are_bounded_for_each_session_and_each_key_and_leave_their_place():
    async with (
        serving(viewers_per_session=2, key_viewers=3) as server,
        server.connect() as one,
        server.connect() as other,
    ):
        first, second = await talk(one), await talk(other)
        async with watching(server, first), watching(server, first):
            status, fault = await asked(server, first)
            assert (status, fault["code"], fault["retry_after_s"]) == (429, "too_many_viewers", 10)
            async with watching(server, second):
                assert (await asked(server, second))[1]["code"] == "key_viewers"
        await until(lambda: server.app[METRICS].registry.get_sample_value("drtranscribe_viewers") == 0)
        async with watching(server, first) as stream:
            assert (await stream.next())["seq"] == 1
        text = server.app[METRICS].text().decode()
        assert 'drtranscribe_viewers_refused_total{code="key_viewers"} 1.0' in text


async def test_viewers_do_not_take_the_places_of_those_who_wait_for_a_session():
    async with serving(max_connections_per_address=1) as server, server.connect() as client:
        session_id = await talk(client)
        async with watching(server, session_id) as stream:
            await stream.next()
            async with server.connect() as another:
                await talk(another)
            await client.finish()
            assert (await stream.rest())[-1]["type"] == "session_stopped"


async def test_a_slow_viewer_is_cut_and_goes_on_later_and_nobody_else_notices(monkeypatch):
    monkeypatch.setattr(viewer_module, "MOST_UNSENT", 20_000)
    async with serving() as server, server.connect() as client:
        session_id = await talk(client)
        session = server.app[SESSIONS].known(session_id)
        host, port = server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 10)  # reads as little as that
        writer.write(f"GET /v1/sessions/{session_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await reader.readuntil(b'"session_started"')
        cut = server.app[METRICS].registry.get_sample_value
        async with watching(server, session_id) as quick:
            await quick.until("marker")
            while not cut("drtranscribe_viewers_cut_total"):
                session.log.append("notice", code="no_speech", message="x" * 50_000)
                assert (await quick.next())["type"] == "notice"
            last = len(session.log)
            writer.close()
            async with watching(server, session_id, after=last - 1) as again:
                assert (await again.next())["seq"] == last
            await client.finish()
            assert (await quick.rest())[-1]["type"] == "session_stopped"


async def test_a_viewer_that_reads_nothing_is_cut_before_the_kernel_has_taken_megabytes_for_it():
    async with serving(send_timeout_s=0.5) as server, server.connect() as client:
        session_id = await talk(client)
        attributes = dict.fromkeys(("onset", "duration", "severity", "location", "character"), "x" * 490)
        for number in range(80):  # 200 kB
            fields = {"text": f"a cough, {number}", "attributes": attributes}
            await client.say({"type": "edit_finding", "finding_id": "f1", "fields": fields})
            await client.hear("extraction")
        reading = asyncio.create_task(client.close_code())
        host, port = server.url.removeprefix("http://").split(":")
        with socket.socket() as deaf:
            deaf.setblocking(False)
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            await asyncio.get_running_loop().sock_connect(deaf, (host, int(port)))
            request = f"GET /v1/sessions/{session_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
            await asyncio.get_running_loop().sock_sendall(deaf, request.encode())
            await until(lambda: server.app[METRICS].viewers_cut._value.get() == 1)
        await client.say({"type": "stop_session"})
        assert await reading == 1000


async def test_a_withdrawn_session_ends_its_viewers_and_is_gone_for_them():
    async with serving() as server, server.connect() as client:
        session_id = await talk(client)
        async with watching(server, session_id) as stream:
            await stream.until("marker")
            await client.say({"type": "withdraw_consent"})
            assert (await stream.until("session_stopped"))["reason"] == "withdrawn"
            assert await stream.next() is None
        assert (await asked(server, session_id, **{"Last-Event-ID": "2"}))[0] == 404


async def test_a_session_of_another_server_of_the_store_is_watched_here_to_its_end_or_its_erasure():
    tables.load()
    with redis_or_skip() as redis:
        async with serving(store=redis.url) as first, serving(store=redis.url) as second:
            async with first.connect() as client:
                session_id = await talk(client)
                async with watching(second, session_id) as stream, watching(second, session_id) as other:
                    assert (await stream.until("marker"))["id"] == 1
                    stopped = await client.finish()
                    seen = await stream.rest()
                    assert seen == await other.rest()
            started, *following = seen
            assert started["session_id"] == session_id
            assert "resume_token" not in started
            assert following == client.events[1:]
            again = await asked(second, session_id, **{"Last-Event-ID": str(stopped["seq"])})
            assert again[0] == 204
            async with first.connect() as client:
                session_id = await talk(client)
                async with watching(second, session_id) as stream:
                    await stream.until("marker")
                    async with first.http.delete(f"{first.url}/v1/sessions/{session_id}") as erased:
                        assert erased.status == 204
                    await stream.rest()
                assert (await asked(second, session_id))[0] == 404
            redis.stop()
            status, fault = await asked(second, session_id)
            assert (status, fault["code"]) == (503, "store_away")
