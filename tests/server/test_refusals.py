"""Every refusal of the server, provoked over a real socket: each has a sentence, a metric, a line in the audit trail,
and its place in docs/protocol.md.

The codes are read from the source, so a refusal that is new needs a case here.
"""

import ast
import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from inference.pipeline import Pipeline
from server.access.access import ACCESS
from server.access.keys import remove
from server.access.strangers import ADDRESS_AT_ONCE
from server.app import METRICS, PIPELINE, RENDERING, SESSIONS, SETTINGS
from server.record.formats import NotInstalled
from server.record.rendering import RecordsBusy, RenderingFailed, TemplateBroken
from server.sessions.registry import Sessions
from server.store.sharing import Shared
from server.store.stored import StoreDown
from tests.server.monitoring.test_request_log import sent
from tests.support.access import Notes, found_wanting, key
from tests.support.live import Client, Event, Server, serving, until
from tests.support.tools import certificate

ROOT = Path(__file__).parents[2]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()

REFUSING = {
    "ProtocolError": 0,
    "Full": 0,
    "Denied": 1,
    "refused": 1,
    "_refused": 0,
    "cut": 1,
    "_refusal": 2,
    "_refuse": 2,
    "_fault": 3,
}
"""Which argument of a call is the code of a refusal."""

ELSEWHERE = {"too_many_unauthorised", "too_many_bytes", "malformed_request"}
"""Codes that are named constants or stand in a filter of the log."""

NO_REFUSALS = {"engine_failed", "internal"}
"""What goes wrong in the server; see docs/protocol.md."""


def codes() -> set[str]:
    """The codes of all refusals in the source."""
    found = set(ELSEWHERE)
    for path in (ROOT / "server").rglob("*.py"):
        if path.is_relative_to(ROOT / "server" / "compat"):
            continue  # refuses in the words of other protocols: see tests/server/compat/test_refusals.py
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            at = REFUSING.get(name)
            if at is not None and len(node.args) > at and isinstance(node.args[at], ast.Constant):
                code = node.args[at].value
                if isinstance(code, str) and code.isidentifier():
                    found.add(code)
    return found - NO_REFUSALS


class DownStore:
    """A store that does not answer."""

    retention_s = 60.0

    async def meta(self, session_id: str) -> bytes | None:
        raise StoreDown("away")

    async def close(self) -> None:
        return None


class Refusing(Notes):
    """An audit trail that may be full."""

    full: str | None = None

    @property
    def problem(self) -> str | None:
        return self.full


@dataclass
class Scene:
    """A server, what it notes, and the keys that it knows; `told` are the answers to what was refused."""

    server: Server
    notes: Refusing
    patch: pytest.MonkeyPatch
    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    keys_file: Path | None = None
    told: list[str] = field(default_factory=list)

    async def first(self, message: Any, code: str, **options: Any) -> None:
        """A connection whose first message is refused with the code, or that is refused before it."""
        async with self.server.connect(**options) as client:
            if message is not None:
                await client.say(message)
            await self.error(client, code)

    async def error(self, client: Client, code: str) -> Event:
        while (event := await client.hear("error"))["code"] != code:
            pass
        self.told.append(event["message"])
        return event

    async def later(self, *messages: Any, code: str) -> None:
        """A session in which the last of the messages is refused."""
        async with self.server.connect(headers=self.keys.get("ward")) as client:
            await client.start()
            for message in messages:
                await client.say(message)
            await self.error(client, code)

    async def http(self, method: str, path: str, status: int, code: str, **options: Any) -> None:
        async with self.server.http.request(method, self.server.url + path, **options) as response:
            text = await response.text()
        assert response.status == status, text
        if text.startswith("{"):
            told = json.loads(text)
            assert told["code"] == code
            self.told.append(told["message"])
        else:
            name, separator, sentence = text.partition(": ")
            assert name == code or not separator, text
            self.told.append(sentence or text)

    def limit(self, name: str, value: float) -> None:
        """Changes a setting of the server until the case is over."""
        self.patch.setitem(vars(self.server.app[SETTINGS]), name, value)

    def counted(self, code: str) -> float:
        metrics = self.server.app[METRICS]
        families = (metrics.refused, metrics.errors, metrics.records_refused, metrics.viewers_refused)
        return sum(family.labels(code)._value.get() for family in families)


Case = Callable[[Scene], Awaitable[None]]
CASES: dict[str, dict[str, Case]] = {"open": {}, "keys": {}, "tight": {}, "tls": {}}


def case(kind: str) -> Callable[[Case], Case]:
    """Names a case by its function: `name` or `name__variant`; the code is the name."""

    def take(function: Case) -> Case:
        CASES[kind][function.__name__] = function
        return function

    return take


@case("open")
async def not_json(scene: Scene) -> None:
    await scene.first("{", "not_json")
    await scene.later("{", code="not_json")


@case("open")
async def invalid_message(scene: Scene) -> None:
    await scene.first({"type": "start_session"}, "invalid_message")


@case("open")
async def unknown_type(scene: Scene) -> None:
    await scene.later({"type": "sing"}, code="unknown_type")


@case("open")
async def message_too_complex(scene: Scene) -> None:
    await scene.later({"type": "marker", "id": [[[[[[[[1]]]]]]]]}, code="message_too_complex")


@case("open")
async def text_too_large(scene: Scene) -> None:
    await scene.first('{"type": "' + "a" * 70_000, "text_too_large")
    await scene.later('{"type": "' + "a" * 70_000, code="text_too_large")


@case("open")
async def no_session(scene: Scene) -> None:
    await scene.first({"type": "marker", "id": 1}, "no_session")
    await scene.first(bytes(3200), "no_session")


@case("open")
async def consent_required(scene: Scene) -> None:
    await scene.first({"type": "start_session", "consent": False}, "consent_required")


@case("open")
async def invalid_language(scene: Scene) -> None:
    scene.patch.setattr(scene.server.app[PIPELINE], "languages", frozenset({"en"}))
    await scene.first({"type": "start_session", "consent": True, "language": "xx"}, "invalid_language")


@case("open")
async def invalid_audio(scene: Scene) -> None:
    await scene.first({"type": "start_session", "consent": True, "audio": {"sample_rate": 5}}, "invalid_audio")
    await scene.later(b"odd", code="invalid_audio")


@case("open")
async def no_such_session(scene: Scene) -> None:
    await scene.first(resuming({"session_id": "x", "resume_token": "x"}), "no_such_session")
    await scene.http("GET", "/v1/sessions/x/record", 404, "no_such_session")
    await scene.http("GET", "/v1/sessions/x/events", 404, "no_such_session")
    await scene.http("DELETE", "/v1/sessions/x", 404, "no_such_session")


@case("open")
async def bad_last_seq(scene: Scene) -> None:
    async with scene.server.connect() as client:
        started = await client.start()
    await scene.first(resuming(started, 99), "bad_last_seq")


@case("open")
async def already_attached(scene: Scene) -> None:
    async with scene.server.connect() as client:
        started = await client.start()
        answering = asyncio.create_task(client.ws.receive())
        await scene.first(resuming(started), "already_attached")
        answering.cancel()


@case("open")
async def bad_last_event_id(scene: Scene) -> None:
    await scene.http("GET", "/v1/sessions/x/events", 400, "bad_last_event_id", headers={"Last-Event-ID": "s1"})


@case("open")
async def too_many_viewers(scene: Scene) -> None:
    await watched(scene, "viewers_per_session", "too_many_viewers")


@case("open")
async def key_viewers(scene: Scene) -> None:
    await watched(scene, "key_viewers", "key_viewers")


@case("open")
async def full(scene: Scene) -> None:
    scene.patch.setattr(Sessions, "_taken", lambda sessions: sessions.capacity)
    await scene.first({"type": "start_session", "consent": True}, "full")


@case("open")
async def not_ready(scene: Scene) -> None:
    scene.patch.setattr(Pipeline, "ready", property(lambda pipeline: False))
    await scene.first({"type": "start_session", "consent": True}, "not_ready")


@case("open")
async def shutting_down(scene: Scene) -> None:
    scene.patch.setattr(scene.server.app[SESSIONS], "_closing", True)
    await scene.first({"type": "start_session", "consent": True}, "shutting_down")


@case("open")
async def audit_unavailable(scene: Scene) -> None:
    scene.patch.setattr(scene.notes, "full", "the disk is full")
    await scene.first({"type": "start_session", "consent": True}, "audit_unavailable")


@case("open")
async def store_away(scene: Scene) -> None:
    scene.patch.setattr(scene.server.app[SESSIONS], "store", Shared(DownStore()))
    await scene.first(resuming({"session_id": "x", "resume_token": "x"}), "store_away")
    await scene.http("GET", "/v1/sessions/x/record", 503, "store_away")
    await scene.http("GET", "/v1/sessions/x/events", 503, "store_away")
    await scene.http("DELETE", "/v1/sessions/x", 503, "store_away")


@case("open")
async def session_already_started(scene: Scene) -> None:
    await scene.later({"type": "start_session", "consent": True}, code="session_already_started")


@case("open")
async def session_stopping(scene: Scene) -> None:
    scene.patch.setattr("server.sessions.session.Session.stopping", property(lambda session: True))
    await scene.later({"type": "marker", "id": 1}, code="session_stopping")


@case("open")
async def no_such_finding(scene: Scene) -> None:
    await scene.later({"type": "confirm_finding", "finding_id": "f99"}, code="no_such_finding")


@case("open")
async def finding_unchanged(scene: Scene) -> None:
    def failing(extraction: object, judgement: object) -> None:
        raise ValueError("a bug")

    scene.patch.setattr("inference.extraction.live.LiveExtraction.judge", failing)
    await scene.later({"type": "confirm_finding", "finding_id": "f1"}, code="finding_unchanged")


@case("open")
async def too_many_edits(scene: Scene) -> None:
    scene.patch.setattr("server.sessions.judging.MAX_EDITS_BYTES", 0)
    await scene.later({"type": "confirm_finding", "finding_id": "f1"}, code="too_many_edits")


@case("open")
async def too_many_messages(scene: Scene) -> None:
    scene.patch.setattr("server.sessions.intake.requests.MESSAGES_AT_ONCE", 1)
    await scene.later(*({"type": "marker", "id": number} for number in range(2)), code="too_many_messages")


@case("open")
async def too_many_refusals(scene: Scene) -> None:
    scene.patch.setattr("server.socket.websocket.MAX_REFUSALS", 2)
    await scene.later("{", "{", code="too_many_refusals")


@case("open")
async def frame_too_large(scene: Scene) -> None:
    await scene.later(bytes(400_000), code="frame_too_large")


@case("open")
async def host_not_allowed(scene: Scene) -> None:
    await scene.http("GET", "/", 421, "host_not_allowed", headers={"Host": "evil.example"})


@case("open")
async def origin_not_allowed(scene: Scene) -> None:
    await scene.http("GET", "/", 403, "origin_not_allowed", headers={"Origin": "http://evil.example"})


@case("open")
async def unknown_expectation(scene: Scene) -> None:
    await scene.http("GET", "/", 417, "unknown_expectation", headers={"Expect": "cake"})


@case("open")
async def no_subprotocol(scene: Scene) -> None:
    await scene.http("GET", "/ws", 400, "no_subprotocol")


@case("open")
async def metrics_elsewhere(scene: Scene) -> None:
    await scene.http("GET", "/metrics", 404, "metrics_elsewhere")


@case("open")
async def malformed_request(scene: Scene) -> None:
    answer = await sent(scene.server.url, b"nonsense\r\n\r\n")
    assert answer.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))


@case("open")
async def unknown_format(scene: Scene) -> None:
    await scene.http("GET", "/v1/sessions/x/record?format=tea", 400, "unknown_format")


@case("open")
async def unknown_template(scene: Scene) -> None:
    await scene.http("GET", "/v1/sessions/x/record?format=text&template=tea", 400, "unknown_template")


@case("open")
async def template_failed(scene: Scene) -> None:
    await record(scene, TemplateBroken("visit.txt, line 3: 'patient' is undefined"), 500, "template_failed")


@case("open")
async def not_said(scene: Scene) -> None:
    added = {"fields": {"kind": "symptom", "text": "cough"}, "evidence": [{"segment": "s1", "quote": "a cough"}]}
    await scene.later({"type": "add_finding", **added}, code="not_said")


@case("open")
async def not_installed(scene: Scene) -> None:
    await record(scene, NotInstalled("records as pdf need pip install 'drtranscribe[clinical]'"), 501, "not_installed")


@case("open")
async def records_busy(scene: Scene) -> None:
    await record(scene, RecordsBusy(3.0), 503, "records_busy")


@case("open")
async def record_failed(scene: Scene) -> None:
    await record(scene, RenderingFailed(), 500, "record_failed")


@case("keys")
async def not_authorised(scene: Scene) -> None:
    await scene.first(None, "not_authorised")
    await scene.http("GET", "/v1/sessions/x/record", 401, "not_authorised")
    await scene.http("POST", "/v1/sign-in", 401, "not_authorised", json={"key": "drt_wrong"})


@case("keys")
async def invalid_message__sign_in(scene: Scene) -> None:
    await scene.http("POST", "/v1/sign-in", 400, "invalid_message", data=b"{")


@case("keys")
async def text_too_large__sign_in(scene: Scene) -> None:
    await scene.http("POST", "/v1/sign-in", 413, "text_too_large", data=b"x" * 5000)


@case("keys")
async def scope_missing(scene: Scene) -> None:
    await scene.first(None, "scope_missing", headers=scene.keys["screen"])
    await scene.http("DELETE", "/v1/sessions/x", 403, "scope_missing", headers=scene.keys["screen"])


@case("keys")
async def proxy_not_trusted(scene: Scene) -> None:
    await scene.http("GET", "/metrics", 403, "proxy_not_trusted", headers={"X-Forwarded-User": "mallory"})


@case("keys")
async def key_connections(scene: Scene) -> None:
    for _ in range(2):
        async with scene.server.http.post(scene.server.url + "/v1/tickets", headers=scene.keys["hasty"]) as response:
            assert response.status == 200
    await scene.http("POST", "/v1/tickets", 429, "key_connections", headers=scene.keys["hasty"])


@case("keys")
async def key_sessions(scene: Scene) -> None:
    async with scene.server.connect(headers=scene.keys["small"]) as client:
        await client.start()
        await scene.first({"type": "start_session", "consent": True}, "key_sessions", headers=scene.keys["small"])


@case("keys")
async def key_bytes(scene: Scene) -> None:
    async with scene.server.connect(headers=scene.keys["loud"]) as client:
        await client.start()
        for _ in range(14):
            await client.say(bytes(300_000))
        await scene.error(client, "key_bytes")


@case("keys")
async def key_revoked(scene: Scene) -> None:
    scene.patch.setattr("server.access.keyring.LOOK_EVERY_S", 0.0)
    async with scene.server.connect(headers=scene.keys["leaver"]) as client:
        await client.start()
        assert scene.keys_file is not None
        remove(scene.keys_file, "leaver")
        await scene.error(client, "key_revoked")


@case("keys")
async def too_many_unauthorised(scene: Scene) -> None:
    strangers = scene.server.app[ACCESS].strangers
    assert (await scene.server.get("/health/live"))[0] == 200  # a connection that is open passes no gate any more
    for _ in range(ADDRESS_AT_ONCE + 1):
        strangers.refused("127.0.0.1")
    await scene.http("POST", "/v1/sign-in", 429, "too_many_unauthorised", json={"key": "drt_wrong"})
    host = urlsplit(scene.server.url).netloc
    answer = await sent(scene.server.url, f"GET /ws HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert b"too_many_unauthorised: " in answer


@case("tight")
async def first_message_late(scene: Scene) -> None:
    await scene.first(None, "first_message_late")


@case("tight")
async def too_many_connections(scene: Scene) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(raw(scene))
        await until(lambda: scene.counted("too_many_connections") > 0)


@case("tight")
async def too_many_bytes(scene: Scene) -> None:
    scene.patch.setattr("server.socket.door.MAX_WAITING_BYTES", 10)
    async with raw(scene) as writer:
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        await until(lambda: scene.counted("too_many_bytes") > 0)


@case("tls")
async def tls_failed(scene: Scene) -> None:
    async with raw(scene) as writer:
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await until(lambda: scene.counted("tls_failed") > 0)


def resuming(started: Event, last_seq: int = 0) -> Event:
    return {
        "type": "resume_session", "session_id": started["session_id"], "resume_token": started["resume_token"],
        "last_seq": last_seq,
    }  # fmt: skip


async def record(scene: Scene, fault: Exception, status: int, code: str) -> None:
    """A record that the renderer does not make."""

    async def render(job: bytes) -> bytes:
        raise fault

    scene.patch.setattr(scene.server.app[RENDERING], "render", render)
    async with scene.server.connect() as client:
        started = await client.start()
        await scene.http("GET", f"/v1/sessions/{started['session_id']}/record", status, code)


async def watched(scene: Scene, limit: str, code: str) -> None:
    """A viewer that is not let in, since the limit is none at all."""
    scene.limit(limit, 0)
    async with scene.server.connect() as client:
        started = await client.start()
        await scene.http("GET", f"/v1/sessions/{started['session_id']}/events", 429, code)


@asynccontextmanager
async def raw(scene: Scene) -> AsyncIterator[asyncio.StreamWriter]:
    at = urlsplit(scene.server.url)
    _, writer = await asyncio.open_connection(at.hostname, at.port)
    try:
        yield writer
    finally:
        writer.transport.abort()


@asynccontextmanager
async def scene_of(kind: str, folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    keys, path, notes = {}, None, Refusing()
    settings: dict[str, Any] = {"metrics_port": 0}
    if kind == "keys":
        path = folder / "keys.json"
        keys = {
            "ward": key(path, "ward"),
            "screen": key(path, "screen", "read"),
            "hasty": key(path, "hasty", connections_per_minute=2),
            "small": key(path, "small", sessions=1),
            "loud": key(path, "loud", bytes_per_minute=4_000_000),
            "leaver": key(path, "leaver"),
        }
        settings |= {"keys_file": path, "user_header": "X-Forwarded-User", "trusted_proxy": "10.0.0.7/32"}
    elif kind == "tight":
        settings |= {"first_message_timeout_s": 0.05, "max_connections_per_address": 2}
    elif kind == "tls":
        pem, private = certificate(folder)
        settings |= {"tls_cert": pem, "tls_key": private}
    async with serving(audit_trail=notes, **settings) as server:
        yield Scene(server, notes, patch, keys, path)


@pytest.mark.parametrize("kind", CASES)
async def test_each_refusal_says_what_to_do_is_counted_noted_and_documented(kind, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        async with scene_of(kind, tmp_path, patch) as scene:
            wrong = await found_wanting(scene, CASES[kind], limit_s=20, told=False)
    assert wrong == []


def test_every_refusal_of_the_source_has_a_case_here_and_stands_in_the_protocol():
    provoked = {name.partition("__")[0] for cases in CASES.values() for name in cases}
    assert provoked == codes()
    assert [code for code in sorted(codes()) if f"`{code}`" not in PROTOCOL] == []
