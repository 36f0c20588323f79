"""Every refusal in the words of other protocols: each has a sentence, a metric, a line in the audit trail, and its place
in docs/protocol.md, like those of our own (tests/server/test_refusals.py).

The codes are read from the source, so a refusal that is new needs a case here.
"""

import ast
import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from inference.pipeline import Pipeline
from server.access.keys import remove
from server.app import FILES, PIPELINE
from server.media.decoding import FILE_FAULTS
from server.sessions.registry import Sessions
from tests.server.compat.legacy.client import wav
from tests.server.compat.openai.test_route import form
from tests.server.test_refusals import PROTOCOL, Refusing, Scene
from tests.support.access import found_wanting, key
from tests.support.fakes import ONE_PAUSE, EchoExtractor, LevelAsr, LoudnessVad, speech
from tests.support.live import serving

COMPAT = Path(__file__).parents[3] / "server" / "compat"
REFUSING = {"ProtocolError", "LegacyError", "Refusal", "fault", "refused", "_refused", "_found"}
"""Calls whose first argument in quotes is the code of a refusal."""

NAMED = {"invalid_doctor", *(f"file_{fault}" for fault in FILE_FAULTS)}
"""Codes that are no words of such a call."""

LIVE = "/v1/listen?encoding=linear16&sample_rate=16000"
FILE = "/v1/audio/transcriptions"
VISIT = {"type": "start_session", "appointment_id": "drt-1", "mode": "ambient"}
DOCTOR = {"name": "Mei Okonkwo", "phone": "+91 98765 43210", "email": "mei.okonkwo@clinic.example"}
SHAPES = ("message", "err_msg")


def codes() -> set[str]:
    """The codes of all refusals in the source."""
    found = set(NAMED)
    for path in COMPAT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in REFUSING:
                quoted = [each for each in node.args if isinstance(getattr(each, "value", each), str | ast.JoinedStr)]
                if quoted and isinstance(quoted[0], ast.Constant) and quoted[0].value.isidentifier():
                    found.add(quoted[0].value)
    return found


@dataclass
class Other(Scene):
    """A server that speaks all protocols."""

    asr: LevelAsr | None = None

    async def asked(self, method: str, path: str, status: int, **options: Any) -> None:
        """A request that is refused, in whatever shape."""
        async with self.server.http.request(method, self.server.url + path, **options) as response:
            text = await response.text()
        assert response.status == status, text
        self.told += sentences(json.loads(text))

    async def file(self, status: int, body: Any = None, headers: dict[str, str] | None = None, **fields: str) -> None:
        data = form(**fields) if body is None else body
        await self.asked("POST", FILE, status, data=data, headers=headers)

    @asynccontextmanager
    async def socket(self, path: str, name: str = "ward") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        headers = self.keys.get(name)
        async with self.server.http.ws_connect(self.server.url + path, headers=headers) as ws:
            yield ws

    async def wrong(self, path: str, *messages: Any, name: str = "ward") -> None:
        """Messages of a connection, of which the last one is refused."""
        async with self.socket(path, name) as ws:
            for message in messages:
                if isinstance(message, bytes):
                    await ws.send_bytes(message)
                else:
                    await ws.send_str(message if isinstance(message, str) else json.dumps(message))
            await self.heard(ws)

    async def heard(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Reads to the first error."""
        while True:
            message = await ws.receive(timeout=60)
            assert message.type is aiohttp.WSMsgType.TEXT, ws.close_code
            told = json.loads(message.data)
            if told["type"] in ("error", "Error"):
                self.told += sentences(told)
                return


def sentences(told: Any) -> list[str]:
    """The sentences of an answer, at any depth."""
    if isinstance(told, list):
        return [found for each in told for found in sentences(each)]
    if not isinstance(told, dict):
        return []
    own = [told[name] for name in SHAPES if name in told]
    return own + [found for each in told.values() for found in sentences(each)]


Case = Callable[[Other], Awaitable[None]]
CASES: dict[str, dict[str, Case]] = {"open": {}, "keys": {}}


def case(kind: str) -> Callable[[Case], Case]:
    """Names a case by its function: `name` or `name__variant`; the code is the name."""

    def take(function: Case) -> Case:
        CASES[kind][function.__name__] = function
        return function

    return take


def posted(code: str, status: int, variant: str = "", **fields: str) -> None:
    """A case of a recording whose form has a field that is wrong."""

    async def provoke(scene: Other) -> None:
        await scene.file(status, **fields)

    CASES["open"][f"{code}__{variant}" if variant else code] = provoke


posted("unknown_response_format", 400, response_format="tea")
posted("unknown_granularity", 400, **{"timestamp_granularities[]": "vowel"})
posted("granularity_without_verbose_json", 400, **{"timestamp_granularities[]": "word"})
posted("format_cannot_stream", 400, response_format="srt", stream="true")
posted("invalid_value", 400, temperature="hot")
posted("invalid_value", 400, "stream", stream="perhaps")
posted("prompt_too_long", 400, prompt="x" * 20_001)
posted("field_too_large", 413, prompt="x" * 70_000)
posted("file_one_channel", 400, response_format="diarized_json")


@case("open")
async def invalid_form(scene: Other) -> None:
    await scene.file(400, b"no form")


@case("open")
async def missing_file(scene: Other) -> None:
    await scene.file(400, aiohttp.FormData({"model": "m", "prompt": "p"}, default_to_multipart=True))


@case("open")
async def invalid_language__file(scene: Other) -> None:
    scene.patch.setattr(scene.server.app[PIPELINE], "languages", frozenset({"en"}))
    await scene.file(400, language="xx")


@case("open")
async def file_unreadable(scene: Other) -> None:
    await scene.file(400, form(b"no audio"))


@case("open")
async def file_too_large(scene: Other) -> None:
    scene.limit("max_file_bytes", 1000)
    await scene.file(413)


@case("open")
async def file_too_long(scene: Other) -> None:
    scene.limit("max_file_s", 0.5)
    await scene.file(413)


@case("open")
async def body_late(scene: Other) -> None:
    scene.limit("request_timeout_s", 0.2)

    async def trickle() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        while True:  # a byte at a time, each in time
            yield b"x"
            await asyncio.sleep(0.02)

    await scene.file(408, trickle(), {"Content-Type": "multipart/form-data; boundary=b"})


@case("open")
async def asr_failed(scene: Other) -> None:
    assert scene.asr is not None
    scene.patch.setattr(scene.asr, "fail", 10)
    await scene.file(500)


@case("open")
async def full__file(scene: Other) -> None:
    scene.limit("max_files", 0)
    await scene.file(503)


@case("open")
async def shutting_down__file(scene: Other) -> None:
    scene.patch.setattr(scene.server.app[FILES], "_closing", True)
    await scene.file(503)


@case("open")
async def full__listen(scene: Other) -> None:
    scene.patch.setattr(Sessions, "_taken", lambda sessions: sessions.capacity)
    await refused(scene, LIVE, 503)


@case("open")
async def full__legacy(scene: Other) -> None:
    scene.patch.setattr(Sessions, "_taken", lambda sessions: sessions.capacity)
    await scene.wrong("/ws", VISIT)


@case("open")
async def unsupported_parameter(scene: Other) -> None:
    await refused(scene, LIVE + "&redact=pci", 400)


@case("open")
async def invalid_encoding(scene: Other) -> None:
    await refused(scene, "/v1/listen?encoding=opus", 400)


@case("open")
async def invalid_parameter(scene: Other) -> None:
    await refused(scene, LIVE + "&language=!", 400)


@case("open")
async def invalid_audio(scene: Other) -> None:
    await refused(scene, "/v1/listen?encoding=linear16&sample_rate=5", 400)
    await scene.wrong(LIVE, b"odd", {"type": "CloseStream"})


@case("open")
async def no_websocket(scene: Other) -> None:
    await scene.asked("GET", LIVE, 400)


@case("open")
async def unknown_type(scene: Other) -> None:
    await scene.wrong(LIVE, {"type": "Sing"})


@case("open")
async def not_json(scene: Other) -> None:
    await scene.wrong(LIVE, "{")


@case("open")
async def invalid_message(scene: Other) -> None:
    await scene.wrong(LIVE, {"kind": "KeepAlive"})
    await scene.wrong("/ws", {**VISIT, "appointment_id": ""})


@case("open")
async def text_too_large(scene: Other) -> None:
    await scene.wrong(LIVE, json.dumps({"type": "x" * 70_000}))


@case("open")
async def too_many_refusals(scene: Other) -> None:
    scene.patch.setattr("server.compat.deepgram.listen.MAX_REFUSALS", 1)
    await scene.wrong(LIVE, "{")


@case("open")
async def too_many_refusals__legacy(scene: Other) -> None:
    scene.patch.setattr("server.compat.legacy.client.MAX_REFUSALS", 1)
    await scene.wrong("/ws", "{")


@case("open")
async def first_message_late(scene: Other) -> None:
    scene.limit("first_message_timeout_s", 0.05)
    await scene.wrong("/ws")


@case("open")
async def no_active_session(scene: Other) -> None:
    await scene.wrong("/ws", {"type": "audio_chunk", "audio_data": wav(speech((1.0, 0.5))), "source": "ambient"})


@case("open")
async def session_already_active(scene: Other) -> None:
    await scene.wrong("/ws", VISIT, VISIT)


@case("open")
async def session_not_found(scene: Other) -> None:
    await scene.wrong("/ws", {"type": "session_resume", "appointment_id": "nobody"})


@case("open")
async def invalid_source_for_mode(scene: Other) -> None:
    chunk = {"type": "audio_chunk", "audio_data": wav(speech((1.0, 0.5))), "source": "tab"}
    await scene.wrong("/ws", {**VISIT, "appointment_id": "drt-2"}, chunk)


@case("open")
async def invalid_doctor(scene: Other) -> None:
    await scene.asked("POST", "/users", 422, json={})
    await scene.asked("POST", "/users", 422, data=b"{")
    for body in (b"{", json.dumps(DOCTOR).encode()):
        await scene.asked("POST", "/api/doctors", 400, data=body)


@case("open")
async def doctor_already_exists(scene: Other) -> None:
    async with scene.server.http.post(scene.server.url + "/users", json=DOCTOR) as response:
        assert response.status == 201
    await scene.asked("POST", "/users", 409, json=DOCTOR)


@case("open")
async def user_not_found(scene: Other) -> None:
    await scene.asked("GET", "/users/nobody@clinic.example", 404)


@case("open")
async def doctor_not_found(scene: Other) -> None:
    await scene.asked("GET", "/api/doctors/nobody", 404)


@case("open")
async def no_room_for_doctors(scene: Other) -> None:
    scene.patch.setattr("server.compat.legacy.users.MOST", 0)
    await scene.asked("POST", "/users", 503, json={**DOCTOR, "email": "other@clinic.example"})


@case("keys")
async def not_authorised(scene: Other) -> None:
    await scene.file(401)
    await refused(scene, LIVE, 401)
    await scene.wrong("/ws", name="nobody")
    await scene.asked("POST", "/users", 401, json=DOCTOR)


@case("keys")
async def scope_missing(scene: Other) -> None:
    await scene.file(403, headers=scene.keys["screen"])
    await refused(scene, LIVE, 403, scene.keys["screen"])
    await scene.wrong("/ws", name="screen")


@case("keys")
async def key_sessions(scene: Other) -> None:
    async with scene.socket(LIVE, "small") as ws:
        await refused(scene, LIVE, 429, scene.keys["small"])
        await scene.wrong("/ws", VISIT, name="small")
        await ws.close()
    scene.server.app[FILES]._open["key:small"] += 1
    await scene.file(429, headers=scene.keys["small"])
    del scene.server.app[FILES]._open["key:small"]


@case("keys")
async def key_connections(scene: Other) -> None:
    for _ in range(2):
        async with scene.server.http.get(scene.server.url + "/users/x", headers=scene.keys["hasty"]) as response:
            assert response.status == 404
    await refused(scene, LIVE, 429, scene.keys["hasty"])


@case("keys")
async def key_bytes__file(scene: Other) -> None:
    await scene.file(429, form(bytes(5_000_000)), scene.keys["loud"])


@case("keys")
async def key_bytes__listen(scene: Other) -> None:
    await scene.wrong(LIVE, *[bytes(1_200_000)] * 4, name="loud too")


@case("keys")
async def key_bytes__legacy(scene: Other) -> None:
    chunk = {"type": "audio_chunk", "audio_data": wav(bytes(320_000)), "source": "ambient"}
    await scene.wrong("/ws", VISIT, *[chunk] * 14, name="loudest")


@case("keys")
async def key_revoked(scene: Other) -> None:
    scene.patch.setattr("server.access.keyring.LOOK_EVERY_S", 0.0)
    assert scene.keys_file is not None
    async with scene.socket(LIVE, "leaver") as ws, scene.socket("/ws", "leaver") as other:
        remove(scene.keys_file, "leaver")
        for each in (ws, other):
            await scene.heard(each)


async def refused(scene: Other, path: str, status: int, headers: dict[str, str] | None = None) -> None:
    """A handshake that does not come about."""
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **(headers or {}),
    }  # fmt: skip
    await scene.asked("GET", path, status, headers=upgrade)


@asynccontextmanager
async def scene_of(kind: str, folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Other]:
    keys, path, notes, asr = {}, None, Refusing(), LevelAsr()
    settings: dict[str, Any] = {"metrics_port": 0, "legacy": True}
    if kind == "keys":
        path = folder / "keys.json"
        loud = {"bytes_per_minute": 4_000_000}
        keys = {
            "ward": key(path, "ward"), "screen": key(path, "screen", "read"), "leaver": key(path, "leaver"),
            "hasty": key(path, "hasty", connections_per_minute=2), "small": key(path, "small", sessions=1),
            "loud": key(path, "loud", **loud), "loud too": key(path, "loud too", **loud),
            "loudest": key(path, "loudest", **loud), "nobody": {},
        }  # fmt: skip
        settings["keys_file"] = path
    pipeline = Pipeline(LoudnessVad(), asr, [EchoExtractor()], ONE_PAUSE)
    async with serving(pipeline, audit_trail=notes, **settings) as server:
        yield Other(server, notes, patch, keys, path, asr=asr)


@pytest.mark.parametrize("kind", CASES)
async def test_each_refusal_to_a_client_of_another_protocol_says_what_to_do_is_counted_and_noted(kind, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        async with scene_of(kind, tmp_path, patch) as scene:
            wrong = await found_wanting(scene, CASES[kind], limit_s=60, told=True)
    assert wrong == []


def test_every_refusal_of_the_source_has_a_case_here_and_stands_in_the_protocol():
    provoked = {name.partition("__")[0] for cases in CASES.values() for name in cases}
    found = {code.lower() for code in codes()}
    assert found - provoked == set()
    assert len(found) > 30
    missing = [code for code in sorted(found) if f"`{code}`" not in PROTOCOL and f"`{code.upper()}`" not in PROTOCOL]
    assert missing == []
