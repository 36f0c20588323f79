"""Who sent a request: over real sockets, in each way to say it, and what each may do."""

import asyncio

import aiohttp
import pytest

from server.access.access import ACCESS
from server.access.keys import remove
from server.access.strangers import ADDRESS_AT_ONCE
from server.app import METRICS, SESSIONS
from tests.support.access import Notes, key, text_of
from tests.support.fakes import speech
from tests.support.live import serving, until

AUDIO = speech((1.0, 0.5), (1.0, 0))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.json"


def refused(server, code):
    return server.app[METRICS].refused.labels(code)._value.get()


async def turned_away(server, **options):
    """(close code, error code, fatal) of a connection that gets no session."""
    async with server.connect(**options) as client:
        closed = await client.close_code()
        (error,) = client.events
        assert "seq" not in error
        return closed, error["code"], error["fatal"]


async def test_without_keys_everything_is_open_and_everybody_owns_every_session():
    async with serving() as server, server.connect() as client:
        started = await client.start()
        assert (started["consent"]["by"], started["consent"]["wording"]) == (
            None,
            "The client states that everybody who is recorded agreed to it.",
        )
        assert (await server.get(f"/v1/sessions/{started['session_id']}/record"))[0] == 200
        assert (await server.get("/metrics"))[0] == 200
        assert (await server.get("/v1/me"))[1] == (
            '{"name": null, "owner": null, "scopes": ["admin", "metrics", "read", "speak"], "sign_in": "none"}'
        )


async def test_a_socket_without_a_key_is_told_what_to_do_and_closed_with_4401(path):
    header, notes = key(path, "ward-3"), Notes()
    async with serving(keys_file=path, audit_trail=notes) as server:
        assert await turned_away(server) == (4401, "not_authorised", True)
        assert await turned_away(server, headers={"Authorization": "Bearer drt_wrong"}) == (
            4401,
            "not_authorised",
            True,
        )
        assert await turned_away(server, headers={"Authorization": f"Basic {text_of(header)}"}) == (
            4401,
            "not_authorised",
            True,
        )
        async with server.connect(headers=header) as client:
            assert (await client.start())["consent"]["by"] == "ward-3"
        assert server.app[SESSIONS].open_count == 1, "nothing was begun for the others"
        assert refused(server, "not_authorised") == 3
    assert notes.lines == [
        *[("refused", "anonymous", "not_authorised")] * 3,
        ("session_started", "ward-3", "ok"),
    ]
    assert notes.addresses == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/metrics"), ("GET", "/v1/sessions/x/record"), ("DELETE", "/v1/sessions/x"), ("POST", "/v1/tickets"),
    ],
)  # fmt: skip
async def test_every_other_way_in_answers_401_with_the_scheme_and_403_for_a_scope(path, method, target):
    key(path, "speaker", "speak", "read")
    nothing = key(path, "measuring", "metrics") if target != "/metrics" else key(path, "reader", "read")
    async with serving(keys_file=path) as server:
        async with server.http.request(method, server.url + target) as response:
            assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert (await response.json())["code"] == "not_authorised"
        async with server.http.request(method, server.url + target, headers=nothing) as response:
            if target == "/v1/tickets":
                assert response.status == 200, "a ticket gives no more than its key"
            else:
                assert (response.status, (await response.json())["code"]) == (403, "scope_missing")


async def test_the_page_the_health_and_who_somebody_is_need_no_key(path):
    key(path, "ward-3")
    async with serving(keys_file=path) as server:
        for target in ("/", "/static/app.js", "/health/live", "/health/ready"):
            assert (await server.get(target))[0] == 200
        assert (await server.get("/v1/me"))[1] == '{"name": null, "owner": null, "scopes": [], "sign_in": "key"}'


async def test_a_key_that_reads_may_not_speak_and_one_that_measures_may_measure(path):
    reader, meter = key(path, "screen", "read"), key(path, "prometheus", "metrics")
    async with serving(keys_file=path) as server:
        assert await turned_away(server, headers=reader) == (4401, "scope_missing", True)
        async with server.http.get(server.url + "/metrics", headers=meter) as response:
            assert response.status == 200


async def test_a_session_is_resumed_read_and_erased_by_its_owner_and_an_admin_alone(path):
    own, other, admin = key(path, "ward-3"), key(path, "ward-4"), key(path, "admin", "admin")
    screen = key(path, "screen", "read", owner="ward-3")
    notes = Notes()
    async with serving(keys_file=path, audit_trail=notes) as server:
        async with server.connect(headers=own) as client:
            started = await client.start()
            await client.say(AUDIO)
            await client.hear("progress")
        resume = {"type": "resume_session", "session_id": started["session_id"], "last_seq": 0}
        resume["resume_token"] = started["resume_token"]
        record = f"{server.url}/v1/sessions/{started['session_id']}/record"

        async def read(header):
            async with server.http.get(record, headers=header) as response:
                return response.status, await response.text()

        async with server.http.get(f"{server.url}/v1/sessions/none/record", headers=other) as response:
            unknown = response.status, await response.text()
        assert await read(other) == unknown == (404, unknown[1]), "not even that it exists"
        async with server.connect(headers=other) as client:
            await client.say(resume)
            assert await client.close_code() == 4404
        async with server.http.delete(record.removesuffix("/record"), headers=other) as response:
            assert response.status == 404
        for header in (own, screen, admin):
            assert (await read(header))[0] == 200
        for header in (own, admin):
            async with server.connect(headers=header) as client:
                await client.say(resume)
                await client.hear("session_resumed")
        async with server.http.delete(record.removesuffix("/record"), headers=own) as response:
            assert response.status == 204
        assert await read(own) == unknown
    assert [line for line in notes.lines if line[2] == "no_such_session"] == [
        ("record_read", "ward-4", "no_such_session"),
        ("record_read", "ward-4", "no_such_session"),
        ("refused", "ward-4", "no_such_session"),
        ("session_erased", "ward-4", "no_such_session"),
        ("record_read", "ward-3", "no_such_session"),
    ]
    assert ("session_erased", "ward-3", "ok") in notes.lines


async def test_a_ticket_lets_a_client_without_headers_in_once_and_the_server_echoes_the_protocol_alone(path):
    header = key(path, "ward-3")
    async with serving(keys_file=path) as server:
        async with server.http.post(server.url + "/v1/tickets", headers=header) as response:
            told = await response.json()
            assert (response.status, told["expires_in_s"], response.headers["Cache-Control"]) == (200, 60, "no-store")
        offered = ["drtranscribe.v1", f"bearer.{told['ticket']}"]
        async with server.connect(protocols=offered) as client:
            assert client.ws.protocol == "drtranscribe.v1"
            assert (await client.start())["consent"]["by"] == "ward-3"
        assert await turned_away(server, protocols=offered) == (4401, "not_authorised", True)
        assert await turned_away(server, protocols=["drtranscribe.v1", "bearer."]) == (4401, "not_authorised", True)


async def test_a_trusted_proxy_names_the_user_and_nobody_else_can(path):
    settings = {"user_header": "X-Forwarded-User", "trusted_proxy": "127.0.0.0/8", "keys_file": path}
    key(path, "machine")
    notes = Notes()
    async with serving(audit_trail=notes, **settings) as server:
        alice = {"X-Forwarded-User": "alice@clinic", "X-Forwarded-For": "6.6.6.6, 198.51.100.7"}
        async with server.connect(headers=alice) as client:
            started = await client.start()
            assert started["consent"]["by"] == "alice@clinic"
        async with server.http.get(server.url + "/v1/me", headers=alice) as response:
            told = await response.json()
            assert (told["name"], told["owner"]) == ("alice@clinic", "user:alice@clinic")
        record = f"{server.url}/v1/sessions/{started['session_id']}/record"
        async with server.http.get(record, headers={"X-Forwarded-User": "bob@clinic"}) as response:
            assert response.status == 404
        async with server.http.get(record, headers=alice) as response:
            assert response.status == 200
        assert await turned_away(server, headers={"X-Forwarded-User": " "}) == (4401, "not_authorised", True)
    assert notes.addresses == {"198.51.100.7", "127.0.0.1"}
    async with serving(**{**settings, "trusted_proxy": "10.0.0.7/32"}) as server:
        assert await turned_away(server, headers={"X-Forwarded-User": "alice"}) == (4401, "proxy_not_trusted", True)
        async with server.http.post(server.url + "/v1/tickets", headers={"X-Forwarded-User": "alice"}) as response:
            assert (response.status, (await response.json())["code"]) == (403, "proxy_not_trusted")


async def test_a_user_and_a_key_of_one_name_do_not_share_sessions(path):
    header = key(path, "alice")
    settings = {"user_header": "X-Forwarded-User", "trusted_proxy": "127.0.0.1/32", "keys_file": path}
    async with serving(**settings) as server:
        async with server.connect(headers={"X-Forwarded-User": "alice"}) as client:
            started = await client.start()
        record = f"{server.url}/v1/sessions/{started['session_id']}/record"
        async with server.http.get(record, headers=header) as response:
            assert response.status == 404


async def test_a_revoked_key_loses_its_connection_and_its_session_waits(path, monkeypatch):
    monkeypatch.setattr("server.access.keyring.LOOK_EVERY_S", 0.0)
    first = key(path, "first")
    second, notes = key(path, "second", owner="first"), Notes()
    async with serving(keys_file=path, audit_trail=notes) as server:
        async with server.connect(headers=first) as client:
            started = await client.start()
            remove(path, "first")
            assert await client.close_code() == 4401
            assert client.events[-1]["code"] == "key_revoked"
        async with server.connect(headers=second) as client:
            await client.say({
                "type": "resume_session", "last_seq": 1,
                "session_id": started["session_id"], "resume_token": started["resume_token"],
            })  # fmt: skip
            await client.hear("session_resumed")
        assert await turned_away(server, headers=first) == (4401, "not_authorised", True)
        assert refused(server, "key_revoked") == 1
        assert ("refused", "first", "key_revoked") in notes.lines


@pytest.mark.parametrize("speaks", [True, False], ids=["in-a-session", "before-its-first-message"])
async def test_the_client_of_a_revoked_key_has_the_time_to_answer_the_close_frame(path, monkeypatch, speaks):
    monkeypatch.setattr("server.access.keyring.LOOK_EVERY_S", 0.0)
    header, stays = key(path, "first"), key(path, "second")
    async with serving(keys_file=path) as server, server.connect(headers=stays) as other:
        await other.start()
        async with server.connect(headers=header, autoclose=False) as client:
            await until(lambda: len(server.app[SESSIONS]._sockets) == 2)
            (connection,) = [each for each in server.app[SESSIONS]._sockets if each._principal.name == "first"]
            if speaks:
                await client.start()
                await client.say(AUDIO)
            remove(path, "first")
            assert (await client.hear("error"))["code"] == "key_revoked"
            closed = await client.ws.receive(timeout=60)
            assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 4401)
            await client.ws.close(code=3210)
            await until(lambda: len(server.app[SESSIONS]._sockets) == 1)
            assert connection._peer._ws.close_code == 3210, "the server did not wait for the answer"
        assert refused(server, "key_revoked") == 1
        await other.finish()


async def test_a_key_has_so_many_sessions_at_once(path):
    header = key(path, "small", sessions=1)
    async with serving(keys_file=path) as server, server.connect(headers=header) as first:
        await first.start()
        async with server.connect(headers=header) as second:
            await second.say({"type": "start_session", "consent": True})
            error = await second.hear("error")
            assert (error["code"], error["fatal"], error["retry_after_s"] > 0) == ("key_sessions", True, True)
            assert await second.close_code() == 1013
        await first.finish()
        async with server.connect(headers=header) as third:
            await third.start()


async def test_a_key_has_so_many_connections_a_minute_and_is_told_when_to_come_back(path):
    header = key(path, "hasty", connections_per_minute=2)
    async with serving(keys_file=path) as server:
        for _ in range(2):
            async with server.connect(headers=header) as client:
                await client.start()
        assert await turned_away(server, headers=header) == (1013, "key_connections", True)
        async with server.http.post(server.url + "/v1/tickets", headers=header) as response:
            assert (response.status, (await response.json())["code"]) == (429, "key_connections")
            assert int(response.headers["Retry-After"]) >= 1


async def test_a_key_beyond_its_bytes_loses_no_sound_and_goes_on_after_a_while(path):
    header, notes = key(path, "loud", bytes_per_minute=4_000_000), Notes()
    async with serving(keys_file=path, audit_trail=notes) as server:
        access = server.app[ACCESS]
        now = [100.0]
        access.quotas.clock = lambda: now[0]
        frame = bytes(300_000)
        async with server.connect(headers=header) as client:
            started = await client.start()
            for _ in range(14):  # 13 fit into 4 MB
                await client.say(frame)
            assert await client.close_code() == 1013
            error = next(event for event in client.events if event.get("code") == "key_bytes")
            assert (error["fatal"], 0 < error["retry_after_s"] <= 5) == (False, True)
        assert ("refused", "loud", "key_bytes") in notes.lines
        now[0] += error["retry_after_s"]
        async with server.connect(headers=header) as client:
            await client.say({
                "type": "resume_session", "last_seq": 1,
                "session_id": started["session_id"], "resume_token": started["resume_token"],
            })  # fmt: skip
            assert (await client.hear("session_resumed"))["received_samples"] == 13 * 150_000
            await client.say(frame)
            assert (await client.finish())["audio_s"] == round(14 * 150_000 / 16_000, 3)


async def test_a_flood_of_strangers_is_answered_shortly_while_a_key_still_comes_in(path):
    header, notes = key(path, "ward-3"), Notes()
    async with serving(keys_file=path, audit_trail=notes) as server:
        while not server.app[ACCESS].strangers.crowded("127.0.0.1"):
            await turned_away(server)
        assert len(notes.lines) == ADDRESS_AT_ONCE
        host, _, port = server.url.removeprefix("http://").partition(":")

        async def answer(*lines):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write("\r\n".join([*lines, f"Host: {host}:{port}", "", ""]).encode())
            told = (await reader.read(4096)).decode()
            writer.close()
            return told

        flood = [await answer("GET /ws HTTP/1.1") for _ in range(3)]
        for told in flood:
            assert told.startswith("HTTP/1.1 401 ")
            assert "\r\nWWW-Authenticate: Bearer\r\n" in told
            assert "\r\nRetry-After: 5\r\n" in told
        assert refused(server, "too_many_unauthorised") == 3
        assert len(notes.lines) == ADDRESS_AT_ONCE + 3
        assert notes.addresses == {"127.0.0.1", None}, "of a flood the trail makes one line a minute"
        assert (await answer("GET /health/live HTTP/1.1", "Connection: close")).startswith("HTTP/1.1 200")
        async with server.connect(headers=header) as client:
            await client.start()
            assert (await client.finish())["reason"] == "client"
