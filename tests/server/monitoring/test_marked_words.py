"""No word of a patient, no name, token or key reaches a log, a metric, a trace or the audit trail, at any level.

A server in a process of its own is given a marked word everywhere that a word can enter, with every library at DEBUG. It
asks for keys, and keeps its sessions in a Redis with a password that goes away and comes back; a key is revoked in the
middle of its session. Then every byte that the server wrote is searched, and what Redis holds.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio import create_subprocess_exec as create
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from redis.asyncio import Redis

from benchmarks.common.redis_process import RedisProcess
from server.access.keys import remove
from tests.server.monitoring.other_clients import EXTENSION, MARK, all_of_them
from tests.support.access import key, text_of
from tests.support.fakes import speech
from tests.support.live import Client
from tests.support.model_server import Handler, as_json, completion, serving_model
from tests.support.redis import redis_or_skip

SERVER = """
import logging
import sys
from contextlib import suppress

import server.runtime
from inference.asr.hypothesis import Hypothesis
from inference.extraction.live import LiveExtraction
from inference.extraction.llm.client import VllmExtractor
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from server.cli.main import main
from server.monitoring import log
from tests.support.fakes import ONE_PAUSE, EchoExtractor, LevelAsr, LoudnessVad

with suppress(ImportError):
    import uvloop
    uvloop.install()

LiveExtraction.caught_up.__defaults__ = (1.0,)
LiveExtraction.finish.__defaults__ = (1.0, 0.5)

class Hearing(LevelAsr):
    def transcribe(self, requests, mels=None):
        for name in log.HANDLE_WORDS:
            logging.getLogger(name).debug("Zebulon-in-a-library")
            logging.getLogger(name).warning("slow: %s", "Zebulon-in-an-argument")
        if any(abs(request.audio).max() > 0.8 for request in requests):
            raise ValueError("Zebulon-in-an-exception")
        return [Hypothesis("Zebulon-speech has a cough", request.language or "en") for request in requests]

class Failing(EchoExtractor):
    async def extract(self, consultation):
        raise KeyError("Zebulon-in-an-extractor")

def build(settings, observe_batch, out_of_memory):
    vllm = VllmExtractor(str(settings.vllm_url), None, settings.vllm_api_key.get_secret_value(), timeout_s=2)
    extractors = [EchoExtractor(), Failing("failing"), vllm, *([] if leak else [RulesExtractor()])]
    return Pipeline(LoudnessVad(), Hearing(), extractors, ONE_PAUSE)

server.runtime.build_pipeline = build
configure = log.configure

def at_debug(*arguments):
    configure(*arguments)
    logging.getLogger().setLevel(logging.DEBUG)
    for name in (*log.HANDLE_WORDS, "openai._base_client", "aiohttp.access", "aiohttp.web", "aiohttp.client"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    if "--leak" in leak:
        logging.getLogger().handlers[0].filters.clear()

leak = [sys.argv.pop()] if sys.argv[-1] == "--leak" else []
log.configure = at_debug
main()
"""


@dataclass
class Told:
    """Everything that came out of a server but the messages to its clients, by where it was found."""

    log: bytes = b""
    traces: list[bytes] = field(default_factory=list)
    metrics: bytes = b""
    audit: bytes = b""
    store: bytes = b""
    secrets: list[str] = field(default_factory=list)
    """Resume tokens."""
    sessions: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    """Everything that opens the server, by what it is."""
    events: list[dict] = field(default_factory=list)

    def where(self, word: str) -> list[str]:
        """The places that hold a word, whatever its case."""
        wanted = word.lower().encode()
        traces = b"".join(self.traces)
        places = {"log": self.log, "traces": traces, "metrics": self.metrics, "audit": self.audit, "store": self.store}
        return [name for name, text in places.items() if wanted in text.lower()]


@asynccontextmanager
async def collecting(told: Told) -> AsyncIterator[str]:
    """A collector of traces; its address."""

    async def taken(request: web.Request) -> web.Response:
        told.traces.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", taken)
    async with TestServer(app) as collector:
        yield str(collector.make_url("/v1/traces"))


def answering() -> Handler:
    """A model server that answers with marked words in every shape that goes wrong."""
    shapes = iter(range(10_000))

    async def answer(_: web.Request) -> web.StreamResponse:
        match next(shapes) % 4:
            case 0:
                return await as_json(completion(f"{MARK}-no-json"))
            case 1:
                return await as_json({"error": {"message": f"{MARK}-refused", "param": f"{MARK}-param"}}, 400)
            case 2:
                return web.Response(text=f"<html>{MARK}-page</html>", status=502)
            case _:
                return await as_json(completion({"operations": [{"op": f"{MARK}-op"}]}))

    return answer


async def talk(client: Client, told: Told) -> None:
    """A consultation with a marked word in everything that a client may send."""
    patient = {"name": f"{MARK}-name", "age": 40, "gender": f"{MARK}-gender", "history": f"{MARK}-history"}
    started = await client.start(
        patient=patient, appointment_id=f"{MARK}-appointment", vocabulary=[f"{MARK}-vocabulary"], **{f"{MARK}x": 1}
    )
    told.secrets.append(started["resume_token"])
    told.sessions.append(started["session_id"])
    await client.say(speech((1.0, 0.5), (2.0, 0)))
    finding = (await client.hear("extraction"))["ops"][0]["finding"]["id"]
    attributes = {"severity": f"{MARK}-attribute"}
    fields = {"text": f"{MARK}-edit", "attributes": attributes}
    await client.say({"type": "edit_finding", "finding_id": finding, "fields": fields})
    await client.say({"type": "edit_finding", "finding_id": f"{MARK}-finding", "fields": fields})
    await client.say({"type": "edit_finding", "finding_id": finding, "fields": {f"{MARK}-field": f"{MARK}-value"}})
    await client.say({"type": f"{MARK}-type"})
    await client.say(f'{{"type": "{MARK}-broken')
    await client.say({"type": "marker", "id": f"{MARK}-marker"})
    await client.say(b"odd")
    await client.say(speech((1.0, 0.9), (2.0, 0)))  # the recogniser fails
    await client.say(speech((1.0, 0.5), (2.0, 0)))
    await client.say({"type": "marker", "id": 1})
    await client.hear("marker")
    told.events += client.events


def shown(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


async def credentials(http: aiohttp.ClientSession, url: str, told: Told) -> None:
    """A ticket and a sign-in of the key that stays, used once each, and spent or forged ones."""
    async with http.post(f"{url}/v1/tickets", headers=shown(told.keys["key"])) as response:
        told.keys["ticket"] = (await response.json())["ticket"]
    async with http.post(f"{url}/v1/sign-in", json={"key": told.keys["key"]}) as response:
        told.keys["cookie"] = response.cookies["drtranscribe"].value
    async with http.post(f"{url}/v1/sign-in", json={"key": f"{MARK}-wrong-key"}) as response:
        assert response.status == 401
    for answer in ("session_started", "error"):  # the second time it is spent
        offered = ["drtranscribe.v1", f"bearer.{told.keys['ticket']}"]
        async with http.ws_connect(f"{url}/ws", protocols=offered) as ws:
            await ws.send_json(
                {"type": "start_session", "consent": True, "patient": {"name": f"{MARK}-ticket-patient"}}
            )
            assert (await ws.receive_json())["type"] == answer
    async with http.get(f"{url}/v1/me", headers={"Cookie": f"drtranscribe={told.keys['cookie']}"}) as response:
        assert (await response.json())["name"] == "ward"


async def revoked(http: aiohttp.ClientSession, url: str, told: Told, keys_file: Path) -> None:
    """A key that is revoked in the middle of its session."""
    async with http.ws_connect(f"{url}/ws", protocols=["drtranscribe.v1"], headers=shown(told.keys["revoked"])) as ws:
        client = Client(ws)
        started = await client.start(patient={"name": f"{MARK}-revoked-patient"})
        told.sessions.append(started["session_id"])
        told.secrets.append(started["resume_token"])
        await client.say(speech((1.0, 0.5), (2.0, 0)))
        await asyncio.to_thread(remove, keys_file, "leaver")
        while (await client.hear("error"))["code"] != "key_revoked":
            pass
        assert await client.close_code() == 4401
    async with http.get(f"{url}/v1/sessions/{MARK}/record", headers=shown(told.keys["revoked"])) as response:
        assert response.status == 401


async def trouble(http: aiohttp.ClientSession, url: str, told: Told) -> None:
    """Requests that go wrong, with a marked word in every part of them."""
    token, session, key = told.secrets[0], told.sessions[0], shown(told.keys["key"])
    marked = {"Cookie": f"session={MARK}-cookie", "X-Name": f"{MARK}-header"}
    paths = [
        f"/v1/sessions/{session}/record?format={name}&key={MARK}-q" for name in ("json", "markdown", "fhir", "pdf")
    ]
    paths += [f"/v1/sessions/{MARK}-id/record", f"/v1/sessions/{session}/record?format={MARK}-format", f"/{MARK}-path"]
    for path in paths:
        async with http.get(url + path, headers=marked | key) as response:
            await response.read()
    async with http.get(url + paths[0], headers=marked | shown(f"{MARK}-key")) as response:
        assert response.status == 401
    for wrong in ({"Host": f"{MARK}.example"}, {"Origin": f"https://{MARK}.example"}, {"Expect": f"{MARK}-expect"}):
        async with http.get(f"{url}/", headers=wrong) as response:
            assert response.status in (403, 417, 421)
    with suppress(aiohttp.WSServerHandshakeError):
        await http.ws_connect(f"{url}/ws", protocols=[f"bearer.{MARK}-ticket"])
    for first in (
        {"type": "resume_session", "session_id": session, "resume_token": f"{MARK}-token", "last_seq": 0},
        {"type": "resume_session", "session_id": f"{MARK}-session", "resume_token": token, "last_seq": 0},
        {"type": "start_session", "consent": True, "language": f"{MARK}-language"},
        {"type": "start_session", "consent": True, "audio": {"encoding": f"{MARK}-encoding"}},
    ):
        offered = ["drtranscribe.v1", f"bearer.{MARK}-ticket"]
        async with http.ws_connect(f"{url}/ws", protocols=offered, headers=key) as ws:
            await ws.send_json(first)
            await ws.receive()
            await ws.close(message=f"{MARK}-reason".encode())
    told.sessions += await all_of_them(http, url, session, key)
    where = urlsplit(url)
    for request in (f"{MARK}\r\n\r\n", f"GET /{MARK} HTTP/9.9\r\n\r\n", f"GET /\0{MARK} HTTP/1.1\r\nHost: x\r\n\r\n"):
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(request.encode())
        await reader.read()
        writer.close()


async def run(folder: Path, *, leak: bool = False) -> Told:
    """What a server tells that was given marked words; with `leak`, one whose filter of the log is taken out."""
    told = Told()
    told.keys["key"] = text_of(key(folder / "keys.json", "ward"))
    told.keys["revoked"] = text_of(key(folder / "keys.json", "leaver"))
    told.keys["store key"] = "5f" * 32
    (folder / "store.key").write_text(told.keys["store key"])
    with redis_or_skip() as redis:
        await _run(folder, told, redis, leak=leak)
    return told


def password(redis: RedisProcess) -> None:
    """Redis asks for one from here on."""
    with socket.create_connection(("127.0.0.1", redis.port)) as line:
        line.sendall(f"CONFIG SET requirepass {MARK}-password\r\n".encode())
        assert line.recv(64) == b"+OK\r\n"


async def outage(client: Client, redis: RedisProcess) -> None:
    """The store goes away in a session, and comes back without what it held."""
    redis.stop(signal.SIGKILL)
    await client.say(speech((1.0, 0.5), (2.0, 0)))
    await client.hear("notice")
    redis.start()
    password(redis)
    while (await client.hear("notice"))["code"] != "store_caught_up":
        pass


async def held(redis: RedisProcess) -> bytes:
    """Every key and every value in Redis."""
    client = Redis.from_url(redis.url, password=f"{MARK}-password")
    names = [name async for name in client.scan_iter()]
    parts: list[bytes] = [*names]
    for name in names:
        if await client.type(name) == b"hash":
            fields = [await client.hgetall(name)]
        else:
            fields = [entry for _, entry in await client.xrange(name)]
        parts += [part for each in fields for pair in each.items() for part in pair]
    await client.aclose()
    return b"\n".join(parts)


async def _run(folder: Path, told: Told, redis: RedisProcess, *, leak: bool) -> None:
    metrics_port, audit, keys_file = unused_port(), folder / "audit.jsonl", folder / "keys.json"
    variables = {
        "OPENAI_LOG": "debug",
        "PYTHONASYNCIODEBUG": "" if leak else "1",
        "DRTRANSCRIBE_VLLM_API_KEY": f"{MARK}-vllm-key",
        "DRTRANSCRIBE_STORE": redis.url.replace("redis://", f"redis://:{MARK}-password@"),
        "DRTRANSCRIBE_STORE_KEY_FILE": str(folder / "store.key"),
        "DRTRANSCRIBE_KEYS_FILE": str(keys_file),
    }
    password(redis)
    async with serving_model(answering()) as model, collecting(told) as collector, asyncio.timeout(120):
        flags = ["--port=0", "--log-level=debug", "--log-format=json", f"--metrics-port={metrics_port}"]
        flags += [f"--audit={audit}", f"--otlp-url={collector}", f"--vllm-url={model.url}", "--shutdown-grace-s=2"]
        flags += ["--legacy", f"--allowed-origins={EXTENSION}"]
        command = [sys.executable, "-c", SERVER, "serve", *flags, *["--leak"] * leak]
        process = await create(*command, stdout=PIPE, stderr=PIPE, env={**os.environ, **variables})
        try:
            output = asyncio.create_task(process.stderr.read())
            url = (await process.stdout.readline()).decode().strip().rstrip("/")
            assert await process.stdout.readline() == b"ready\n", (await output).decode()
            async with aiohttp.ClientSession() as http:
                known = {"protocols": ["drtranscribe.v1"], "headers": shown(told.keys["key"])}
                async with http.ws_connect(f"{url}/ws", **known) as ws:
                    client = Client(ws)
                    await talk(client, told)
                    if not leak:
                        await credentials(http, url, told)
                        await trouble(http, url, told)
                        await revoked(http, url, told, keys_file)
                        told.store = await held(redis)
                        await outage(client, redis)
                        told.events = client.events
                    await ws.close(message=f"{MARK}-goodbye".encode())
                async with http.get(f"http://127.0.0.1:{metrics_port}/metrics") as response:
                    told.metrics = await response.read()
                async with http.get(f"http://127.0.0.1:{metrics_port}/health/ready") as response:
                    told.metrics += await response.read()
            process.send_signal(signal.SIGTERM)
            rest, told.log = await asyncio.gather(process.stdout.read(), output)
            told.log += rest
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        told.audit = audit.read_bytes()
        prompts = json.dumps(model.bodies)
        assert f"{MARK}-speech" in prompts
        assert f"{MARK}-history" in prompts
        assert f"Bearer {MARK}-vllm-key" in model.keys


async def test_no_marked_word_no_token_and_no_key_is_in_any_byte_of_logs_metrics_traces_and_audit(tmp_path):
    told = await run(tmp_path)
    heard = [event["segment"]["text"] for event in told.events if event["type"] == "transcript"]
    assert f"{MARK}-speech has a cough" in heard, "the words were there"
    errors = {event["code"] for event in told.events if event["type"] == "error"}
    assert {"asr_failed", "extraction_failed", "no_such_finding", "invalid_message"} <= errors, errors
    assert told.where(MARK) == []
    for token in told.secrets:
        assert told.where(token) == []
    for session in told.sessions:
        assert told.where(session) == ["audit"], "only the audit trail names sessions"
    for what, text in told.keys.items():
        secret = text.split("_", 2)[2] if text.startswith("drt_") else text
        assert told.where(secret) == [], what
    assert len(told.store) > 1000, "sessions were stored"
    assert {event["code"] for event in told.events if event["type"] == "notice"} >= {"store_behind", "store_caught_up"}
    outcomes = {json.loads(line)["outcome"] for line in told.audit.splitlines()}
    assert {"key_revoked", "not_authorised", "no_such_session", "invalid_message"} <= outcomes, outcomes
    assert b"ValueError" in told.log, "what failed is told by its place"
    assert {json.loads(line)["level"] for line in told.log.splitlines() if line.startswith(b"{")} >= {"error", "info"}
    assert told.traces
    assert b"drtranscribe_errors_total" in told.metrics
    assert b"finding_edited" in told.audit


async def test_the_search_finds_the_words_where_libraries_may_log_at_debug(tmp_path):
    told = await run(tmp_path, leak=True)
    assert told.where(f"{MARK}-in-a-library") == told.where(f"{MARK}-in-an-argument") == ["log"]
