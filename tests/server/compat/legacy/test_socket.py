"""Every line of the legacy contract that concerns the WebSocket, on engines that need no words."""

import asyncio
import json
from itertools import pairwise

import aiohttp
import pytest

from inference.pipeline import Pipeline
from server.app import SESSIONS
from server.audit.actors import ANONYMOUS
from server.compat.legacy import client as connection
from server.compat.legacy import telling, visits
from tests.server.compat.legacy.client import extension, legacy_serving, wav
from tests.support.access import Notes, key
from tests.support.fakes import EchoExtractor, LevelAsr, LoudnessVad, speech
from tests.support.live import ONE_PAUSE, serving, until

SECOND = speech((0.7, 0.5), (2.3, 0))
"""Three seconds with a word in the first."""


def session_of(server):
    return list(server.app[SESSIONS]._sessions.values())[-1]


async def test_without_the_flag_a_client_without_subprotocol_is_refused_and_there_are_no_other_paths():
    async with serving() as server:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with extension(server):
                pass
        assert refused.value.status == 400
        for path in ("/health", "/api/config", "/users/a@b.example", "/api/doctors/1"):
            assert (await server.get(path))[0] == 404


async def test_with_the_flag_our_own_protocol_is_what_it_was():
    async with legacy_serving() as server, server.connect() as client:
        await client.start()
        assert (await client.finish())["reason"] == "client"


async def test_a_dual_visit_from_start_to_stop():
    async with legacy_serving() as server, extension(server) as client:
        started = await client.start(doctor_id="doc_1", patient={"name": "A", "age": 40, "gender": "f"})
        assert started == {
            "type": "session_started", "session_id": session_of(server).id, "workflow_id": session_of(server).id,
            "mode": "dual",
        }  # fmt: skip
        for loudness in (0.5, 0.6):
            await client.chunk(speech((0.7, loudness), (2.3, 0)), "mic")
            await client.chunk(speech((1.5, 0), (0.7, loudness + 0.2), (0.8, 0)), "tab")
        await client.say("stop_session")
        stopped = await client.hear("session_stopped")
        assert stopped == {"type": "session_stopped", "session_id": started["session_id"], "chunks_processed": 4}
        assert sorted((source, text[-4:]) for source, text in client.texts()) == [
            ("mic", "0.50"), ("mic", "0.60"), ("tab", "0.70"), ("tab", "0.80"),
        ]  # fmt: skip
        last = client.told[-2]
        assert last["type"] == "extraction_update"
        assert list(last["extraction"]) == ["chief_complaint", "diagnosis", "medicine", "advice", "next_steps"]
        assert last["extraction"]["chief_complaint"].split("; ") == [text for _, text in client.texts()]
        session = session_of(server)
        assert (session.reason, session.audio_s, session.options.mode) == ("client", 6.0, "dual")
        assert session.options.patient.age == 40
        async with server.http.get(f"{server.url}/v1/sessions/{session.id}/record?format=json") as response:
            record = await response.json()
        assert (record["appointment_id"], record["clinician_id"]) == ("drt-1", "doc_1")


async def test_an_ambient_visit_has_one_channel_and_its_source():
    async with legacy_serving() as server, extension(server) as client:
        assert (await client.start(mode="ambient"))["mode"] == "ambient"
        await client.chunk(SECOND, "ambient")
        await client.say("stop_session")
        await client.hear("session_stopped")
        assert [source for source, _ in client.texts()] == ["ambient"]


async def test_the_older_spelling_of_the_appointment_and_fields_of_later_versions_are_taken():
    async with legacy_serving() as server, extension(server) as client:
        await client.say("start_session", appointmentId="APT-1", future={"a": 1})
        assert (await client.hear("session_started"))["mode"] == "dual"


async def test_findings_are_told_as_a_whole_state_five_seconds_apart_and_once_more_at_the_end(monkeypatch):
    assert telling.EVERY_S == 5.0
    monkeypatch.setattr(telling, "EVERY_S", 0.7)
    loop = asyncio.get_running_loop()
    async with legacy_serving() as server, extension(server) as client:
        await client.start(mode="ambient")
        at = []
        for number in range(6):
            await client.chunk(speech((0.7, 0.3 + number / 10), (2.3, 0)), "ambient")
        for _ in range(2):
            await client.hear("extraction_update")
            at.append(loop.time())
        assert at[1] - at[0] > 0.5
        await client.say("stop_session")
        await client.hear("session_stopped")
        states = [told["extraction"]["chief_complaint"] for told in client.told if told["type"] == "extraction_update"]
        assert len(states) < 6
        assert states[-1].count("; ") == 5
        assert all(later.startswith(earlier) for earlier, later in pairwise(states))


async def test_a_pause_is_confirmed_and_ended_by_session_resume_with_the_whole_state():
    async with legacy_serving() as server, extension(server) as client:
        started = await client.start()
        await client.chunk(SECOND, "mic")
        await client.say("pause_session", appointment_id="drt-1")
        assert await client.hear("session_paused") == {
            "type": "session_paused", "session_id": started["session_id"],
        }  # fmt: skip
        assert len(client.texts()) == 1, "what came before the pause is transcribed first"
        await client.chunk(speech((3.0, 0.9)), "mic")
        await client.say("session_resume", appointment_id="drt-1", mode="dual", doctor_id="doc_1")
        resumed = await client.hear("session_resumed")
        assert resumed["session_id"] == started["session_id"]
        assert resumed["extraction"]["chief_complaint"] == client.texts()[0][1]
        await client.chunk(speech((0.7, 0.6), (2.3, 0)), "mic")
        await client.say("stop_session")
        stopped = await client.hear("session_stopped")
        assert stopped["chunks_processed"] == 3
        assert len(client.texts()) == 2, "what came in the pause is not transcribed"


async def test_a_pause_that_is_over_before_it_is_carried_out_is_not_confirmed_behind_its_end():
    asr = LevelAsr()
    engines = Pipeline(LoudnessVad(), asr, [EchoExtractor()], ONE_PAUSE)
    async with legacy_serving(engines) as server, extension(server) as client:
        await client.start(mode="ambient")
        asr.go.clear()
        await client.chunk(SECOND, "ambient")
        await client.say("pause_session", appointment_id="drt-1")
        await client.say("session_resume", appointment_id="drt-1")
        await client.hear("session_resumed")
        asr.go.set()
        await client.hear("transcription_update")
        await client.say("stop_session", appointment_id="drt-1")
        await client.hear("session_stopped")
        assert "session_paused" not in [told["type"] for told in client.told], "it would show a pause for good"


async def test_a_lost_visit_is_resumed_on_another_connection_with_what_the_client_kept():
    async with legacy_serving() as server:
        async with extension(server) as client:
            started = await client.start(mode="ambient")
            await client.chunk(SECOND, "ambient")
            await client.hear("transcription_update")
            session = session_of(server)
            client.ws._response.connection.transport.abort()
        await until(lambda: session.attachment is None)
        async with extension(server) as again:
            await again.say("session_resume", appointment_id="drt-1", mode="ambient")
            resumed = await again.hear("session_resumed")
            assert (resumed["session_id"], session_of(server)) == (started["session_id"], session)
            assert resumed["extraction"]["chief_complaint"] == client.texts()[0][1]
            for loudness in (0.6, 0.7):
                await again.chunk(speech((0.7, loudness), (2.3, 0)), "ambient")
            await again.say("stop_session")
            assert (await again.hear("session_stopped"))["chunks_processed"] == 3
            assert len(again.texts()) == 2
            assert session.audio_s == 9.0


async def test_a_visit_that_was_paused_when_it_was_lost_goes_on_with_its_resume():
    async with legacy_serving() as server:
        async with extension(server) as client:
            await client.start(mode="ambient")
            await client.say("pause_session")
            await client.hear("session_paused")
        await until(lambda: session_of(server).attachment is None)
        async with extension(server) as again:
            await again.say("session_resume", appointment_id="drt-1")
            await again.hear("session_resumed")
            await again.chunk(SECOND, "ambient")
            await again.say("stop_session")
            await again.hear("session_stopped")
            assert len(again.texts()) == 1


async def test_a_lost_visit_waits_for_120_seconds_and_is_unknown_afterwards():
    async with legacy_serving() as server:
        assert server.app[SESSIONS].limits.resume_ttl_s == 120
        async with extension(server) as client:
            await client.start(mode="ambient")
            await client.chunk(SECOND, "ambient")
            await client.hear("transcription_update")
        session = session_of(server)
        await until(lambda: session.attachment is None)
        heard_at = session._presence.heard_at
        assert not session.forsaken(heard_at + 119)
        assert session.forsaken(heard_at + 121)
        session.stop("idle")
        await until(lambda: session.log.closed)
        async with extension(server) as again:
            await again.say("session_resume", appointment_id="drt-1")
            fault = await again.fails()
            assert (fault["error_code"], fault["session_id"], fault["chunk_id"]) == ("SESSION_NOT_FOUND", None, None)
            await again.start()  # the same connection begins a new one


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("this is not JSON", "INVALID_MESSAGE"),
        ('{"type": "sing"}', "INVALID_MESSAGE"),
        ('{"type": "start_session"}', "INVALID_MESSAGE"),
        (
            json.dumps({"type": "audio_chunk", "audio_data": wav(speech((10.0, 0.5))), "source": "mic"}),
            "NO_ACTIVE_SESSION",
        ),
        ('{"type": "pause_session"}', "NO_ACTIVE_SESSION"),
        ('{"type": "stop_session"}', "NO_ACTIVE_SESSION"),
        ('{"type": "session_resume", "appointment_id": "x"}', "SESSION_NOT_FOUND"),
        ('{"type": "start_session", "appointment_id": "x", "consent": false}', "CONSENT_REQUIRED"),
        (b"\0\0", "INVALID_MESSAGE"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_wrong_first_message_is_answered_and_a_right_one_may_follow(first, code):
    async with legacy_serving() as server, extension(server) as client:
        await (client.ws.send_bytes(first) if isinstance(first, bytes) else client.ws.send_str(first))
        fault = await client.fails()
        assert set(fault) == {"type", "error_code", "message", "session_id", "chunk_id"}
        assert (fault["error_code"], fault["session_id"]) == (code, None)
        await client.start()


@pytest.mark.parametrize(
    ("mode", "source"), [("dual", "ambient"), ("ambient", "mic"), ("ambient", "tab"), ("dual", None), ("dual", "radio")]
)
async def test_a_source_that_the_mode_does_not_have_is_refused_and_not_counted(mode, source):
    async with legacy_serving() as server, extension(server) as client:
        started = await client.start(mode=mode)
        await client.chunk(SECOND, source)
        fault = await client.fails()
        assert (fault["error_code"], fault["session_id"]) == ("INVALID_SOURCE_FOR_MODE", started["session_id"])
        await client.say("stop_session")
        assert (await client.hear("session_stopped"))["chunks_processed"] == 0


async def test_audio_that_is_no_wav_file_is_refused_with_the_number_of_chunks_and_the_visit_goes_on():
    async with legacy_serving() as server, extension(server) as client:
        started = await client.start(mode="ambient")
        await client.chunk(SECOND, "ambient")
        await client.say("audio_chunk", audio_data="AAAA", source="ambient")
        fault = await client.fails()
        assert (fault["error_code"], fault["session_id"], fault["chunk_id"]) == (
            "INVALID_MESSAGE",
            started["session_id"],
            1,
        )
        await client.say("stop_session")
        assert (await client.hear("session_stopped"))["chunks_processed"] == 1


async def test_one_appointment_has_one_active_session():
    async with legacy_serving() as server, extension(server) as client, extension(server) as other:
        await client.start()
        await client.say("start_session", appointment_id="drt-2")
        assert (await client.fails())["error_code"] == "SESSION_ALREADY_ACTIVE"
        reading = asyncio.create_task(client.end())  # so that it answers pings
        for type_ in ("start_session", "session_resume"):
            await other.say(type_, appointment_id="drt-1")
            assert (await other.fails())["error_code"] == "SESSION_ALREADY_ACTIVE"
        await other.start("drt-2")
        await other.say("session_resume", appointment_id="drt-1")
        assert (await other.fails())["error_code"] == "SESSION_ALREADY_ACTIVE"
        reading.cancel()


async def test_a_client_that_begins_anew_ends_the_visit_that_it_left():
    async with legacy_serving() as server:
        async with extension(server) as client:
            await client.start(mode="ambient")
            await client.chunk(SECOND, "ambient")
            await client.hear("transcription_update")
        before = session_of(server)
        await until(lambda: before.attachment is None)
        async with extension(server) as again:
            started = await again.start(mode="ambient")
            assert started["session_id"] != before.id
            await until(lambda: before.log.closed)
            assert before.reason == "client"


async def test_a_second_visit_may_follow_on_the_same_connection():
    async with legacy_serving(first_message_timeout_s=1) as server, extension(server) as client:
        for appointment_id in ("drt-1", "drt-1", "drt-2"):
            await client.start(appointment_id, mode="ambient")
            await client.chunk(SECOND, "ambient")
            await client.say("stop_session")
            assert (await client.hear("session_stopped"))["chunks_processed"] == 1
        assert await client.end() == 1000
        assert len(client.texts()) == 3


async def test_a_connection_that_says_nothing_is_closed():
    notes = Notes()
    async with legacy_serving(first_message_timeout_s=0.3, audit_trail=notes) as server, extension(server) as client:
        assert await client.end() == 1008
        assert client.told[-1]["error_code"] == "FIRST_MESSAGE_LATE"
    assert notes.lines == [("refused", ANONYMOUS, "first_message_late")]


async def test_fifty_wrong_messages_in_a_row_close_the_connection():
    notes = Notes()
    async with legacy_serving(audit_trail=notes) as server, extension(server) as client:
        for _ in range(50):
            await client.say("sing")
        assert await client.end() == 1008
        assert client.told[-1]["error_code"] == "TOO_MANY_REFUSALS"
    assert [outcome for _, _, outcome in notes.lines] == ["invalid_message"] * 50 + ["too_many_refusals"]


async def test_a_client_that_leaves_silence_out_is_not_idle(monkeypatch):
    monkeypatch.setattr(connection, "TICK_S", 0.02)
    async with legacy_serving(idle_timeout_s=0.5) as server, extension(server) as client:
        await client.start(mode="ambient")
        await client.chunk(SECOND, "ambient")
        session = session_of(server)
        monkeypatch.setattr("server.compat.legacy.tracks.LATE", 0.0)
        await until(lambda: session.audio_s >= 6.0)
        assert not session.stopping
        monkeypatch.setattr(visits, "SILENCE_S", 0.0)
        await client.hear("session_stopped")
        assert session.reason == "idle"


async def test_a_full_server_says_so_and_another_try_is_possible():
    async with legacy_serving(max_sessions=1) as server, extension(server) as client, extension(server) as other:
        await client.start()
        await client.chunk(SECOND, "mic")
        await other.say("start_session", appointment_id="drt-2")
        fault = await other.fails()
        assert fault["error_code"] == "FULL"
        assert "try again later (in " in fault["message"]
        await client.say("stop_session")
        await client.hear("session_stopped")
        await other.start("drt-2")


async def test_a_server_that_goes_down_finishes_the_visit_first():
    async with legacy_serving() as server, extension(server) as client:
        await client.start(mode="ambient")
        await client.chunk(speech((2.0, 0.5)), "ambient")
        await until(lambda: session_of(server).received_samples > 0)
        closing = asyncio.create_task(server.app[SESSIONS].close(5))
        assert await client.end() == 1001
        await closing
        assert [told["type"] for told in client.told[-2:]] == ["extraction_update", "session_stopped"]
        assert len(client.texts()) == 1


async def test_what_is_erased_is_told_to_nobody_any_more(monkeypatch):
    monkeypatch.setattr(telling, "EVERY_S", 0.0)
    async with legacy_serving() as server, extension(server) as client:
        started = await client.start(mode="ambient")
        await client.chunk(SECOND, "ambient")
        assert (await client.hear("extraction_update"))["extraction"]["chief_complaint"]
        async with server.http.delete(f"{server.url}/v1/sessions/{started['session_id']}") as answer:
            assert answer.status == 204
        await client.hear("session_stopped")
        assert client.told[-2]["extraction"]["chief_complaint"] == ""


async def test_keys_are_asked_for_and_a_visit_is_its_owners(tmp_path):
    notes = Notes()
    path = tmp_path / "keys.json"
    one, two = key(path, "ward-1"), key(path, "ward-2")
    reader = key(path, "screen", "read")
    async with legacy_serving(keys_file=path, audit_trail=notes) as server:
        for headers, code in (({}, "NOT_AUTHORISED"), (reader, "SCOPE_MISSING")):
            async with extension(server, headers=headers) as client:
                assert await client.end() == 4401
                assert client.told[-1]["error_code"] == code
        async with extension(server, headers=one) as client, extension(server, headers=two) as other:
            await client.start("drt-1")
            await other.say("session_resume", appointment_id="drt-1")
            assert (await other.fails())["error_code"] == "SESSION_NOT_FOUND"
            await other.start("drt-1")
            assert {session.owner for session in server.app[SESSIONS]._sessions.values()} == {
                "key:ward-1",
                "key:ward-2",
            }
    assert ("session_started", "ward-1", "ok") in notes.lines
    assert ("refused", "screen", "scope_missing") in notes.lines


async def test_a_key_has_its_limits(tmp_path):
    path = tmp_path / "keys.json"
    header = key(path, "ward-1", sessions=1, bytes_per_minute=4_000_000)
    async with legacy_serving(keys_file=path) as server, extension(server, headers=header) as client:
        await client.start(mode="ambient")
        async with extension(server, headers=header) as other:
            await other.say("start_session", appointment_id="drt-2")
            assert (await other.fails())["error_code"] == "KEY_SESSIONS"
        for _ in range(13):
            await client.chunk(bytes(320_000), "ambient")
        assert await client.end() == 1013
        assert client.told[-1]["error_code"] == "KEY_BYTES"


async def test_a_revoked_key_ends_its_connection(tmp_path):
    path = tmp_path / "keys.json"
    header = key(path, "ward-1")
    async with legacy_serving(keys_file=path) as server, extension(server, headers=header) as client:
        await client.start()
        path.write_text(json.dumps({**json.loads(path.read_text()), "keys": []}))
        assert await client.end() == 4401
        assert client.told[-1]["error_code"] == "KEY_REVOKED"


async def test_foreign_pages_are_refused():
    async with legacy_serving() as server:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with extension(server, headers={"Origin": "https://evil.example"}):
                pass
        assert refused.value.status == 403


async def test_a_microphone_from_which_nothing_comes_is_told_and_one_that_is_only_silent_is_not():
    async with legacy_serving() as server, extension(server) as client:
        await client.start(mode="ambient")
        session = session_of(server)
        session.log.append("notice", code="no_speech", message="nobody is heard: check the microphone")
        assert (await client.fails())["error_code"] == "NO_SPEECH"
        await client.chunk(SECOND, "ambient")
        await client.hear("transcription_update")
        session.log.append("notice", code="no_speech", message="nobody is heard: check the microphone")
        await client.say("stop_session")
        await client.hear("session_stopped")
        assert len([told for told in client.told if told["type"] == "error"]) == 1
