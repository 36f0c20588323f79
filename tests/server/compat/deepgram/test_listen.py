"""`GET /v1/listen` with a raw WebSocket, on engines that need no words."""

import asyncio
import hashlib
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest

from inference.pipeline import Pipeline
from server.app import METRICS, SESSIONS
from tests.support.access import Notes, key, text_of
from tests.support.fakes import ONE_PAUSE, EchoExtractor, LevelAsr, LoudnessVad, speech
from tests.support.live import serving, until

RAW = "encoding=linear16&sample_rate=16000"
TALK = speech((0.5, 0), (2.0, 0.5), (1.0, 0), (2.0, 0.7), (1.0, 0))


class Stream:
    def __init__(self, ws, request_id):
        self.ws = ws
        self.request_id = request_id
        self.told = []

    async def say(self, type_):
        await self.ws.send_str(json.dumps({"type": type_}))

    async def hear(self, type_):
        while True:
            message = await self.ws.receive(timeout=60)
            assert message.type is aiohttp.WSMsgType.TEXT, (message.type, self.ws.close_code, self.told[-3:])
            self.told.append(json.loads(message.data))
            if self.told[-1]["type"] == type_:
                return self.told[-1]

    async def end(self):
        async for message in self.ws:
            self.told.append(json.loads(message.data))
        return self.ws.close_code

    @property
    def texts(self):
        results = [told for told in self.told if told["type"] == "Results" and told["is_final"]]
        return [told["channel"]["alternatives"][0]["transcript"] for told in results]


@asynccontextmanager
async def listening(server, query=RAW, **options):
    async with server.http.ws_connect(f"{server.url}/v1/listen?{query}", **options) as ws:
        yield Stream(ws, ws._response.headers["dg-request-id"])


async def refused(server, query=RAW, **options):
    """Status, headers and body of a handshake that does not come about."""
    headers = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **options.pop("headers", {}),
    }  # fmt: skip
    async with server.http.get(f"{server.url}/v1/listen?{query}", headers=headers, **options) as answer:
        return answer.status, answer.headers, await answer.json()


def session_of(server):
    (session,) = server.app[SESSIONS]._sessions.values()
    return session


async def test_a_stream_from_its_first_byte_to_its_metadata():
    async with serving() as server, listening(server) as stream:
        await stream.ws.send_bytes(TALK)
        await stream.say("CloseStream")
        assert await stream.end() == 1000
        assert [text[-4:] for text in stream.texts] == ["0.50", "0.70"]
        last = stream.told[-1]
        assert (last["type"], last["duration"], last["channels"]) == ("Metadata", 6.5, 1)
        assert last["sha256"] == hashlib.sha256(TALK).hexdigest()
        assert last["request_id"] == stream.request_id == session_of(server).id
        assert session_of(server).reason == "client"


async def test_the_record_of_a_stream_is_found_by_its_request_id_and_says_that_no_consent_was_stated():
    async with serving() as server, listening(server) as stream:
        await stream.ws.send_bytes(TALK)
        await stream.say("CloseStream")
        await stream.end()
        status, text = await server.get(f"/v1/sessions/{stream.request_id}/record")
        record = json.loads(text)
        assert (status, len(record["segments"]), len(record["findings"])) == (200, 2, 2)
        assert record["consent"]["wording"].startswith("Not stated in words")


async def test_an_empty_message_closes_the_stream_too():
    async with serving() as server, listening(server) as stream:
        await stream.ws.send_bytes(TALK)
        await stream.ws.send_bytes(b"")
        assert await stream.end() == 1000
        assert len(stream.texts) == 2


async def test_finalize_gives_the_words_so_far_and_the_stream_goes_on():
    async with serving() as server, listening(server) as stream:
        await stream.ws.send_bytes(speech((2.0, 0.5)))
        await stream.say("Finalize")
        told = await stream.hear("Results")
        assert (told["is_final"], told["speech_final"], told["from_finalize"], told["start"]) == (True, True, True, 0.0)
        await stream.say("Finalize")
        told = await stream.hear("Results")
        assert (told["from_finalize"], told["channel"]["alternatives"][0]["transcript"]) == (True, "")
        await stream.ws.send_bytes(speech((1.0, 0.6), (1.0, 0)))
        told = await stream.hear("Results")
        assert told["from_finalize"] is False
        await stream.say("CloseStream")
        assert await stream.end() == 1000


async def test_samples_may_be_cut_anywhere():
    whole, cut = [], []
    for texts, sizes in ((whole, [len(TALK)]), (cut, [1, 7, 4001, 30_003, len(TALK)])):
        async with serving() as server, listening(server) as stream:
            at = 0
            for size in sizes:
                await stream.ws.send_bytes(TALK[at : at + size])
                at += size
            await stream.say("CloseStream")
            assert await stream.end() == 1000
            assert not [told for told in stream.told if told["type"] == "Error"]
            texts += stream.texts
    assert whole == cut


async def test_an_odd_byte_at_the_end_is_told():
    async with serving() as server, listening(server) as stream:
        await stream.ws.send_bytes(TALK + b"\0")
        await stream.say("CloseStream")
        assert await stream.end() == 1000
        (fault,) = [told for told in stream.told if told["type"] == "Error"]
        assert (fault["err_code"], "send whole samples" in fault["err_msg"]) == ("invalid_audio", True)
        assert len(stream.texts) == 2


async def test_a_message_of_more_than_ten_seconds_is_taken():
    async with serving() as server, listening(server) as stream:
        await stream.ws.send_bytes(speech((25.0, 0)))
        await stream.say("CloseStream")
        assert await stream.end() == 1000
        assert stream.told[-1]["duration"] == 25.0


async def test_two_channels_without_multichannel_are_heard_as_one():
    async with serving() as server, listening(server, f"{RAW}&channels=2") as stream:
        mono = memoryview(speech((2.0, 0.5), (1.0, 0))).cast("h")
        await stream.ws.send_bytes(b"".join(int(x).to_bytes(2, "little", signed=True) * 2 for x in mono))
        await stream.say("CloseStream")
        await stream.end()
        assert [told["channel_index"] for told in stream.told if told["type"] == "Results"] == [[0, 1]]
        assert stream.told[-1]["channels"] == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("this is not JSON", "not_json"),
        ('{"no": "type"}', "invalid_message"),
        ('{"type": "Configure"}', "unknown_type"),
        ('{"type": "KeepAlive", "pad": "' + "x" * 70_000 + '"}', "text_too_large"),
        ("[" * 30_000, "not_json"),
    ],
)
async def test_a_wrong_message_is_answered_and_the_stream_goes_on(text, code):
    async with serving() as server, listening(server) as stream:
        await stream.ws.send_str(text)
        fault = await stream.hear("Error")
        assert fault["err_code"] == code
        assert fault["description"] == fault["message"]
        await stream.ws.send_bytes(TALK)
        await stream.say("CloseStream")
        assert await stream.end() == 1000
        assert len(stream.texts) == 2


async def test_fifty_wrong_messages_in_a_row_close_the_stream():
    notes = Notes()
    async with serving(audit_trail=notes) as server, listening(server) as stream:
        for _ in range(50):
            await stream.say("Sing")
        assert await stream.end() == 1008
        assert stream.told[-1]["err_code"] == "too_many_refusals"
        errors = server.app[METRICS].errors
        assert [errors.labels(code)._value.get() for code in ("unknown_type", "too_many_refusals")] == [50, 1]
    refused = [outcome for action, _, outcome in notes.lines if action == "refused"]
    assert refused == ["unknown_type"] * 50 + ["too_many_refusals"]


async def test_a_keep_alive_keeps_a_silent_stream_and_silence_ends_it():
    async with serving(idle_timeout_s=0.6) as server, listening(server) as stream:
        await stream.ws.send_bytes(TALK)
        session = session_of(server)
        for _ in range(6):
            await stream.say("KeepAlive")
            await asyncio.sleep(0.25)
        assert not session.stopping
        assert await stream.end() == 1011
        metadata, fault = stream.told[-2:]
        assert metadata["type"] == "Metadata"
        assert (fault["err_code"], "KeepAlive" in fault["err_msg"]) == ("NET-0001", True)


async def test_a_lost_connection_ends_the_session_with_what_was_said():
    async with serving() as server:
        async with listening(server) as stream:
            await stream.ws.send_bytes(TALK)
            session = session_of(server)
            await until(lambda: session.received_samples > 0)
        await until(lambda: session.log.closed)
        assert session.reason == "client"
        assert session.attachment is None
        assert server.app[SESSIONS].open_count == 0


async def test_a_server_that_goes_down_gives_the_last_results_first():
    async with serving() as server, listening(server) as stream:
        await stream.ws.send_bytes(speech((2.0, 0.5)))
        await until(lambda: session_of(server).received_samples > 0)
        closing = asyncio.create_task(server.app[SESSIONS].close(5))
        assert await stream.end() == 1001
        await closing
        assert len(stream.texts) == 1


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("encoding=opus", "invalid_encoding"),
        (f"{RAW}&channels=3", "invalid_audio"),
        ("encoding=linear16&sample_rate=96000", "invalid_audio"),
        (f"{RAW}&language=xx", "invalid_language"),
        (f"{RAW}&redact=pii", "unsupported_parameter"),
    ],
)
async def test_a_query_that_cannot_be_served_is_refused_with_400_and_what_to_do(query, code):
    engine = Pipeline(LoudnessVad(), LevelAsr(), [EchoExtractor()], ONE_PAUSE, languages=frozenset({"en"}))
    async with serving(engine) as server:
        status, headers, told = await refused(server, query)
        assert (status, told["code"], told["err_code"]) == (400, code, "Bad Request")
        assert headers["dg-error"] == told["err_msg"]
        assert server.app[SESSIONS].open_count == 0


async def test_a_language_that_the_model_does_not_know_is_answered_with_deepgrams_word_for_any():
    engine = Pipeline(LoudnessVad(), LevelAsr(), [EchoExtractor()], ONE_PAUSE, languages=frozenset({"de", "en"}))
    async with serving(engine) as server:
        _, _, told = await refused(server, f"{RAW}&language=xx")
        assert told["err_msg"].endswith("send multi or one of: de, en")
        async with listening(server, f"{RAW}&language=multi"):
            assert session_of(server).options.language is None


async def test_a_plain_request_is_told_to_connect_with_a_websocket():
    async with serving() as server:
        status, text = await server.get(f"/v1/listen?{RAW}")
        assert (status, json.loads(text)["code"]) == (400, "no_websocket")


async def test_a_full_server_says_when_to_come_back():
    async with serving(max_sessions=1) as server, listening(server) as stream:
        await stream.ws.send_bytes(TALK)
        await until(lambda: session_of(server).received_samples > 0)
        status, headers, told = await refused(server)
        assert (status, told["err_code"]) == (503, "full")
        assert int(headers["Retry-After"]) > 0


async def test_keys_are_asked_for_as_deepgram_does(tmp_path):
    notes = Notes()
    good = text_of(key(tmp_path / "keys.json", "ward-3"))
    reader = text_of(key(tmp_path / "keys.json", "screen", "read"))
    async with serving(keys_file=tmp_path / "keys.json", audit_trail=notes) as server:
        for headers in (
            {"Authorization": f"Token {good}"},
            {"Authorization": f"Bearer {good}"},
            {"Authorization": f"token {good}"},
        ):
            async with listening(server, headers=headers) as stream:
                await stream.say("CloseStream")
                assert await stream.end() == 1000
        for protocols in (["token", good], ["bearer", good]):
            async with listening(server, protocols=protocols) as stream:
                assert stream.ws.protocol == protocols[0]
                await stream.say("CloseStream")
                assert await stream.end() == 1000
        assert {session.owner for session in server.app[SESSIONS]._sessions.values()} == {"key:ward-3"}
        for headers, status, name, code in (
            ({}, 401, "INVALID_AUTH", "not_authorised"),
            ({"Authorization": "Token drt_wrong_key"}, 401, "INVALID_AUTH", "not_authorised"),
            ({"Sec-WebSocket-Protocol": "token, nonsense"}, 401, "INVALID_AUTH", "not_authorised"),
            ({"Authorization": f"Token {reader}"}, 403, "INSUFFICIENT_PERMISSIONS", "scope_missing"),
        ):
            found = await refused(server, headers=headers)
            assert (found[0], found[2]["err_code"], found[2]["code"]) == (status, name, code)
    assert notes.lines.count(("session_started", "ward-3", "ok")) == 5
    assert notes.lines.count(("session_stopped", "ward-3", "ok")) == 5
    assert ("refused", "screen", "scope_missing") in notes.lines


async def test_a_ticket_opens_one_stream(tmp_path):
    header = key(tmp_path / "keys.json", "ward-3")
    async with serving(keys_file=tmp_path / "keys.json") as server:
        async with server.http.post(f"{server.url}/v1/tickets", headers=header) as answer:
            ticket = (await answer.json())["ticket"]
        async with listening(server, protocols=["bearer", ticket]) as stream:
            await stream.say("CloseStream")
            assert await stream.end() == 1000
        assert (await refused(server, headers={"Sec-WebSocket-Protocol": f"bearer, {ticket}"}))[0] == 401


async def test_a_key_has_its_limits(tmp_path):
    header = key(tmp_path / "keys.json", "ward-3", sessions=1, bytes_per_minute=4_000_000)
    token = {"Authorization": f"Token {text_of(header)}"}
    async with serving(keys_file=tmp_path / "keys.json") as server, listening(server, headers=token) as stream:
        status, _, told = await refused(server, headers=token)
        assert (status, told["err_code"], told["code"]) == (429, "TOO_MANY_REQUESTS", "key_sessions")
        for _ in range(4):
            await stream.ws.send_bytes(bytes(1_200_000))
        assert await stream.end() == 1013
        assert stream.told[-1]["err_code"] == "key_bytes"


async def test_a_revoked_key_ends_its_stream(tmp_path):
    path = tmp_path / "keys.json"
    token = {"Authorization": f"Token {text_of(key(path, 'ward-3'))}"}
    async with serving(keys_file=path) as server, listening(server, headers=token) as stream:
        path.write_text(json.dumps({**json.loads(path.read_text()), "keys": []}))
        assert await stream.end() == 4401
        assert stream.told[-1]["err_code"] == "key_revoked"


@pytest.mark.parametrize(
    ("headers", "status"), [({"Host": "evil.example"}, 421), ({"Origin": "https://evil.example"}, 403)]
)
async def test_foreign_hosts_and_pages_are_refused(headers, status):
    async with serving() as server, server.http.get(f"{server.url}/v1/listen?{RAW}", headers=headers) as answer:
        assert answer.status == status
