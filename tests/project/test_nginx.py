"""docker/nginx/ in Debian's nginx before two servers: TLS, WebSocket, silence, a server that goes, and what is logged."""

import asyncio
import os
import re
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from inference.extraction import tables
from server.app import SESSIONS
from server.sessions.watch import WATCH_S
from server.settings import Settings
from tests.server.store.test_two_servers import SAID, undisturbed
from tests.support.access import key
from tests.support.fakes import speech
from tests.support.live import Client, Server, serving, until
from tests.support.redis import redis_or_skip
from tests.support.speech import chunks
from tests.support.tools import certificate, tool

ROOT = Path(__file__).parents[2]
NGINX = ROOT / "docker" / "nginx"
SILENCE_S = float(os.environ.get("TEST_SILENCE_S", "0"))
TIMEOUT_S = 2.0
"""In place of the timeouts of nginx, where the server pings every 0.75 s at least: a busy machine may be late by a second."""


@dataclass(frozen=True)
class Proxy:
    http: aiohttp.ClientSession
    port: int
    plain_port: int
    tls: ssl.SSLContext
    logs: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @asynccontextmanager
    async def connect(self, **options) -> AsyncIterator[Client]:
        options = {"protocols": ["drtranscribe.v1"], "ssl": self.tls, "origin": self.url, **options}
        async with self.http.ws_connect(f"{self.url}/ws", **options) as ws:
            yield Client(ws)

    def logged(self) -> str:
        return "".join(path.read_text() for path in self.logs.iterdir())


def configuration(folder: Path, servers: list[Server], ports: tuple[int, int, int], timeout_s: float | None) -> str:
    """The files as they are, with ports and folders of the test; `timeout_s` in place of both timeouts."""
    text = (NGINX / "scribe.conf").read_text()
    assert text.count("120s;") == 2
    if timeout_s is not None:
        text = re.sub(r"(proxy_(?:read|send)_timeout +)120s;", rf"\g<1>{timeout_s:g}s;", text)
    text = re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.MULTILINE)
    for line, port in zip(("listen 443 ssl;", "listen 80;", "listen 127.0.0.1:8081;"), ports, strict=True):
        assert text.count(line) == 1
        text = text.replace(line, f"listen 127.0.0.1:{port}{' ssl' if 'ssl' in line else ''};")
    text = text.replace("/etc/nginx/tls/", f"{folder}/").replace("/var/log/nginx/", f"{folder}/logs/")
    upstream = (NGINX / "upstream.conf").read_text()
    assert upstream.count("server server:8765 ") == 1
    line = re.search(r"^ *server server:8765 .*$", upstream, re.MULTILINE)[0]
    lines = [line.replace("server:8765", server.url.removeprefix("http://")) for server in servers]
    upstream = upstream.replace(line, "\n".join(lines))
    main = f"pid {folder}/pid;\nerror_log {folder}/logs/error.log;\nworker_processes 1;\nevents {{}}\n"
    return f"{main}http {{\n{upstream}{text}}}\n"


def accepted(folder: Path, config: Path) -> None:
    told = subprocess.run(
        [tool("nginx"), "-t", "-p", folder, "-c", config], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert "[warn]" not in told.stderr


@asynccontextmanager
async def proxied(folder: Path, servers: list[Server], timeout_s: float | None = None) -> AsyncIterator[Proxy]:
    pem, _ = certificate(folder)
    (folder / "logs").mkdir()
    ports = (unused_port(), unused_port(), unused_port())
    config = folder / "nginx.conf"
    config.write_text(configuration(folder, servers, ports, timeout_s))
    accepted(folder, config)
    nginx = [tool("nginx"), "-p", folder, "-c", config, "-g", "daemon off;"]
    process = await asyncio.create_subprocess_exec(*nginx)
    try:
        async with aiohttp.ClientSession() as http:
            proxy = Proxy(http, *ports[:2], ssl.create_default_context(cafile=pem), folder / "logs")
            async with asyncio.timeout(60):
                while True:
                    try:
                        async with http.get(f"http://127.0.0.1:{ports[2]}/health") as response:
                            assert response.status == 204
                            break
                    except aiohttp.ClientConnectorError:
                        await asyncio.sleep(0.02)
            yield proxy
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def two_servers(folder: Path, timeout_s: float | None = None, **settings) -> AsyncIterator[tuple[Proxy, list]]:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(serving(metrics_port=0, **settings)) for _ in range(2)]
        yield await stack.enter_async_context(proxied(folder, servers, timeout_s)), servers


async def test_consultations_pass_through_nginx_with_tls_and_are_shared_between_two_servers(tmp_path):
    async with two_servers(tmp_path) as (proxy, servers):
        async with proxy.connect() as one, proxy.connect() as other:
            ids = [(await client.start())["session_id"] for client in (one, other)]
            assert [server.app[SESSIONS].open_count for server in servers] == [1, 1]
            for client in (one, other):
                await client.say(speech((1.0, 0.5), (2.0, 0)))
                assert (await stopped(client))["segments"] == 1
        async with proxy.http.get(f"{proxy.url}/", ssl=proxy.tls) as page:
            assert (page.status, page.headers["Strict-Transport-Security"]) == (200, "max-age=31536000")
        for path, status in (("/health/ready", 200), ("/metrics", 404)):
            async with proxy.http.get(f"{proxy.url}{path}", ssl=proxy.tls) as response:
                assert (response.status, "drtranscribe_" in await response.text()) == (status, False)
        plain = f"http://localhost:{proxy.plain_port}/"
        async with proxy.http.get(plain, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (301, "https://localhost/")
        for session in ids:  # one of the two servers knows it
            async with proxy.http.get(f"{proxy.url}/v1/sessions/{session}/record", ssl=proxy.tls) as response:
                assert response.status in (200, 404)
    logged = proxy.logged()
    assert "GET 101 " in logged, "the connections are logged"
    assert not [session for session in ids if session in logged]
    assert "/v1/" not in logged


async def test_a_page_of_another_origin_is_refused_behind_nginx_too(tmp_path):
    async with two_servers(tmp_path) as (proxy, _):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with proxy.connect(origin="https://elsewhere.example"):
                raise AssertionError
        assert refused.value.status == 403


async def test_when_a_server_is_gone_clients_reach_the_other_and_nginx_writes_no_session_into_its_log(tmp_path):
    async with serving(metrics_port=0) as stays, AsyncExitStack() as stack:
        goes = await stack.enter_async_context(serving(metrics_port=0))
        async with proxied(tmp_path, [goes, stays]) as proxy:
            await stack.aclose()
            for _ in range(4):
                async with proxy.connect() as client:
                    await client.start()
                    await stopped(client)
                async with proxy.http.get(f"{proxy.url}/v1/sessions/Zebulon/record", ssl=proxy.tls) as response:
                    assert response.status == 404
    assert "Zebulon" not in proxy.logged()


async def stopped(client: Client) -> dict:
    """The last event of a session that its client stops.

    The close code is not compared: nginx may pass the close frame and the end of the connection on together, and then
    aiohttp's client, which cannot answer any more, reports 1006.
    """
    await client.say({"type": "stop_session"})
    return await client.hear("session_stopped")


async def hears_nothing(client: Client, seconds: float) -> None:
    """A client that reads, and so answers pings, while nothing is said."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await client.hear()


async def test_a_session_goes_on_at_either_server_of_a_store_through_nginx_whichever_it_chooses(tmp_path):
    tables.load()
    header = key(tmp_path / "keys.json", "ward")
    finals: list = []
    seqs: list[int] = []
    with redis_or_skip() as redis:
        shared = {"store": redis.url, "keys_file": tmp_path / "keys.json", "metrics_port": 0}
        async with AsyncExitStack() as first, AsyncExitStack() as second:
            stacks = (first, second)
            servers = [await stack.enter_async_context(serving(**shared)) for stack in stacks]
            async with proxied(tmp_path, servers) as proxy:
                started, mark, holders = None, 0, []
                while len(set(holders)) < 2:  # nginx takes the servers in turn, where both have as few connections
                    assert len(holders) < 8, "nginx never chose the other server"
                    async with proxy.connect(headers=header) as client:
                        if started is None:
                            started = await client.start()
                        else:
                            mark = await resumed(client, started, seqs[-1])
                        upto = 32_000 * (len(holders) + 1)
                        await spoken(client, mark, upto)
                        while (await client.hear("progress"))["received_samples"] < upto // 2:
                            pass
                        holders.append(await holder(servers, started))
                    finals += client.finals()
                    seqs += [event["seq"] for event in client.events if "seq" in event]
                gone = holders[-1]
                await stacks[gone].aclose()
                async with proxy.connect(headers=header) as client:
                    mark = await resumed(client, started, seqs[-1])
                    assert holds(servers[1 - gone], started)
                    await spoken(client, mark, len(SAID))
                    assert (await stopped(client))["audio_s"] == len(SAID) / 32_000
                finals += client.finals()
                seqs += [event["seq"] for event in client.events if "seq" in event]
                path = f"{proxy.url}/v1/sessions/{started['session_id']}/record"
                for shown, status in ((header, 200), ({}, 401)):
                    async with proxy.http.get(path, ssl=proxy.tls, headers=shown) as response:
                        assert response.status == status
    assert seqs == sorted(set(seqs)), "each event once"
    assert finals == await undisturbed()
    assert started["session_id"] not in proxy.logged()


async def spoken(client: Client, mark: int, upto: int) -> None:
    """Frames of half a second, from the sample `mark` to the byte `upto`."""
    for frame in chunks(SAID[2 * mark : upto], 16_000):
        await client.say(frame)


def holds(server: Server, started: dict) -> bool:
    session = server.app[SESSIONS].known(started["session_id"])
    return session is not None and session.attachment is not None


async def holder(servers: list[Server], started: dict) -> int:
    """The one of the servers that has the session; the one before may notice late that its connection is gone."""
    await until(lambda: sum(holds(server, started) for server in servers) == 1)
    return [holds(server, started) for server in servers].index(True)


async def resumed(client: Client, started: dict, last_seq: int) -> int:
    """The sample from which the server wants the audio."""
    asked = {"session_id": started["session_id"], "resume_token": started["resume_token"], "last_seq": last_seq}
    await client.say({"type": "resume_session", **asked})
    return (await client.hear("session_resumed"))["received_samples"]


@pytest.mark.timeout(300 + SILENCE_S)
async def test_a_silence_many_times_as_long_as_the_timeouts_of_nginx_is_survived_because_the_server_pings(tmp_path):
    # TEST_SILENCE_S=3600 makes it an hour, with the timeouts of the file and the pings of a server as it is.
    timeout_s = None if SILENCE_S else TIMEOUT_S
    patience = {"idle_timeout_s": SILENCE_S + 60} if SILENCE_S else {"send_timeout_s": 1.0}
    async with two_servers(tmp_path, timeout_s, **patience) as (proxy, _), proxy.connect() as client:
        await client.start()
        await client.say({"type": "pause_session"})
        await client.hear("session_paused")
        await hears_nothing(client, SILENCE_S or 3 * TIMEOUT_S)
        await client.say({"type": "continue_session"})
        await client.say(speech((1.0, 0.5), (2.0, 0)))
        assert (await stopped(client))["segments"] == 1


async def test_without_pings_that_silence_ends_the_connection_and_the_session_is_resumed(tmp_path):
    async with two_servers(tmp_path, TIMEOUT_S, send_timeout_s=60.0) as (proxy, servers):
        async with proxy.connect() as client:
            started = await client.start()
            await client.say({"type": "pause_session"})
            await client.hear("session_paused")
            assert await client.close_code() == 1006, "the timeouts that the other test survives are real"
        holder = next(server for server in servers if server.app[SESSIONS].open_count)
        async with holder.connect() as client:
            again = {"session_id": started["session_id"], "resume_token": started["resume_token"], "last_seq": 2}
            await client.say({"type": "resume_session", **again})
            await client.hear("session_resumed")


def test_the_server_pings_several_times_before_nginx_loses_patience():
    text = (NGINX / "scribe.conf").read_text()
    timeouts_s = [int(found) for found in re.findall(r"proxy_(?:read|send)_timeout +(\d+)s;", text)]
    ping_s = Settings.model_fields["send_timeout_s"].default / 2 + WATCH_S
    assert len(timeouts_s) == 3  # the last one is that of recordings
    assert all(timeout_s > 3 * ping_s for timeout_s in timeouts_s)
