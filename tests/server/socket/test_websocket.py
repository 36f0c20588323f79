import asyncio
import json

import aiohttp
import pytest

from inference.findings import Proposal, Quote
from inference.pipeline import Pipeline
from tests.support.access import Notes
from tests.support.fakes import EchoExtractor, LevelAsr, LoudnessVad, speech
from tests.support.live import START, serving, until
from tests.support.speech import chunks

TALK = speech((0.5, 0), (2.0, 0.5), (1.0, 0), (4.0, 0.6), (1.5, 0), (3.0, 0.7))


async def test_a_consultation_from_start_to_stop():
    async with serving() as server, server.connect() as client:
        started = await client.start(patient={"name": "A", "age": 40, "gender": "f", "history": "none"})
        assert started["limits"] == {
            "max_frame_bytes": 320_000, "max_session_s": 14_400.0, "idle_timeout_s": 60.0, "resume_ttl_s": 120.0,
            "first_audio_timeout_s": 10.0, "max_text_bytes": 65_536, "messages_per_s": 5.0, "messages_at_once": 200,
            "max_edits_bytes": 8_388_608,
        }  # fmt: skip
        assert started["models"] == {"asr": "whisper", "extraction": "rules"}
        for chunk in chunks(TALK, 96_000):
            await client.say(chunk)
        stopped = await client.finish()
        assert [event["seq"] for event in client.events] == list(range(1, len(client.events) + 1))
        assert client.events[-1] == stopped
        assert (stopped["reason"], stopped["audio_s"], stopped["segments"], stopped["findings"]) == (
            "client",
            12.0,
            3,
            3,
        )
        assert client.events[-1]["type"] == "session_stopped"
        progress = [event for event in client.events if event["type"] == "progress"]
        assert [p["received_samples"] for p in progress][-1] == 192_000
        assert client.ws.protocol == "drtranscribe.v1"


@pytest.mark.parametrize(
    ("last", "code"), [({"type": "stop_session"}, 1000), (b"\0" * 400_000, 1009)], ids=["stopped", "frame_too_large"]
)
async def test_a_connection_stays_open_until_the_client_has_answered_the_close_frame(last, code):
    async with serving() as server, server.connect(autoclose=False) as client:
        await client.start()
        (connection,) = server.app[_sessions_key()]._sockets
        await client.say(last)
        while (message := await client.ws.receive(timeout=60)).type is not aiohttp.WSMsgType.CLOSE:
            pass
        assert (message.data, client.ws.close_code) == (code, code)
        await client.ws.close(code=3210)
        await until(lambda: not server.app[_sessions_key()]._sockets)
        assert connection._peer._ws.close_code == 3210, "the server did not wait for the answer"


async def test_marker_pause_and_continue_are_answered_in_order():
    async with serving() as server, server.connect() as client:
        await client.start()
        await client.say(speech((2.0, 0.5)))
        await client.say({"type": "marker", "id": 42})
        assert (await client.hear("marker"))["id"] == 42
        assert len(client.finals()) == 1
        await client.say({"type": "pause_session"})
        await client.hear("session_paused")
        await client.say({"type": "pause_session"})
        await client.hear("session_paused")  # said again after a lost connection: answered again
        await client.say(speech((2.0, 0.9)))
        await client.say({"type": "continue_session"})
        await client.hear("session_continued")
        assert (await client.finish())["segments"] == 1


async def test_the_clinicians_word_about_a_finding_wins():
    async with serving() as server, server.connect() as client:
        await client.start()
        await client.say(speech((1.0, 0.5), (1.0, 0), (1.0, 0.7), (1.0, 0)))
        await client.say({"type": "marker", "id": 1})
        await client.hear("marker")
        await client.say({"type": "edit_finding", "finding_id": "f1", "fields": {"status": "absent"}})
        (op,) = (await client.hear("extraction"))["ops"]
        assert (op["op"], op["finding"]["status"], op["finding"]["source"]) == ("update", "absent", "clinician")
        await client.say({"type": "confirm_finding", "finding_id": "f1"})
        (op,) = (await client.hear("extraction"))["ops"]
        assert (op["finding"]["status"], op["finding"]["confidence"]) == ("absent", 1.0)
        await client.say({"type": "dismiss_finding", "finding_id": "f2"})
        (op,) = (await client.hear("extraction"))["ops"]
        assert (op["op"], op["finding"]["id"]) == ("retract", "f2")
        for wrong, code in [
            ({"type": "dismiss_finding", "finding_id": "f2"}, "no_such_finding"),
            ({"type": "edit_finding", "finding_id": "f1", "fields": {"colour": "red"}}, "invalid_message"),
            (
                {"type": "edit_finding", "finding_id": "f1", "fields": {"attributes": {"colour": "red"}}},
                "invalid_message",
            ),
        ]:
            await client.say(wrong)
            assert (await client.hear("error"))["code"] == code
        assert (await client.finish())["findings"] == 1


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("this is not JSON", "not_json"),
        (b"\0" * 640, "no_session"),
        ({"type": "sing"}, "unknown_type"),
        ({"type": "stop_session"}, "no_session"),
        ({"type": "start_session", "consent": False}, "consent_required"),
        ({**START, "audio": {"sample_rate": 12_000, "channels": 5}}, "invalid_audio"),
        ({**START, "audio": {"sample_rate": 96_000}}, "invalid_audio"),
        ({**START, "mode": "dual"}, "invalid_audio"),
    ],
)
async def test_a_bad_first_message_is_answered_with_its_fault_and_1008(first, code):
    async with serving() as server, server.connect() as client:
        await client.say(first)
        error = await client.hear("error")
        assert (error["code"], error["fatal"]) == (code, True)
        assert "seq" not in error, "a client that drops what it has seen by seq must not drop this"
        assert await client.close_code() == 1008


async def test_a_client_that_says_nothing_is_closed_with_1008():
    async with serving(first_message_timeout_s=0.05) as server, server.connect() as client:
        assert (await client.hear("error"))["code"] == "first_message_late"
        assert await client.close_code() == 1008


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("{", "not_json"),
        ({"type": "sing"}, "unknown_type"),
        (b"\0" * 999, "invalid_audio"),
        (b"", "invalid_audio"),
        (START, "session_already_started"),
        ({"type": "marker"}, "invalid_message"),
    ],
)
async def test_a_malformed_message_is_named_and_the_session_lives_on(wrong, code):
    async with serving() as server, server.connect() as client:
        await client.start()
        await client.say(speech((1.0, 0.5), (1.0, 0)))
        await client.say(wrong)
        error = await client.hear("error")
        assert (error["code"], error["fatal"]) == (code, False)
        await client.say(speech((1.0, 0.7), (1.0, 0)))
        stopped = await client.finish()
        assert (stopped["segments"], stopped["audio_s"]) == (2, 4.0)


async def test_12_khz_is_resampled():
    import numpy as np

    audio = (np.full(36_000, 0.5) * 32767).astype("<i2").tobytes()
    async with serving() as server, server.connect() as client:
        await client.start(audio={"sample_rate": 12_000, "channels": 1})
        await client.say(audio)
        stopped = await client.finish()
        assert (stopped["audio_s"], stopped["segments"]) == (3.0, 1)


async def test_a_frame_above_the_limit_is_closed_with_1009_and_the_session_can_be_resumed():
    async with serving() as server:
        async with server.connect() as client:
            started = await client.start()
            await client.say(speech((2.0, 0.5), (1.0, 0)))
            await client.hear("transcript")
            await client.say(b"\0" * 320_002)
            assert await client.close_code() == 1009
            assert client.events[-1]["code"] == "frame_too_large"
        async with server.connect() as again:
            await again.say(_resume(started, client.events[-1]["seq"]))
            assert (await again.hear("session_resumed"))["received_samples"] == 48_000
            assert (await again.finish())["segments"] == 1


async def test_a_client_that_is_cut_off_and_sends_on_gets_every_event_once_and_the_same_transcript():
    async with serving() as server:
        async with server.connect() as whole:
            await whole.start()
            for chunk in chunks(TALK, 96_000):
                await whole.say(chunk)
            await whole.finish()
        async with server.connect() as first:
            started = await first.start()
            await first.say(TALK[:100_000])  # the first utterance, and a part of the second
            await first.hear("progress")
            first.ws._response.close()  # the line drops: no close frame
        async with server.connect() as second:
            last = first.events[-1]["seq"]
            await second.say(_resume(started, last))
            resumed = await second.hear("session_resumed")
            assert "seq" not in resumed, "a client that drops what it has seen by seq must not drop this"
            at = 2 * resumed["received_samples"]
            for chunk in chunks(TALK[at:], 70_000):
                await second.say(chunk)
            await second.finish()
        events = first.events + second.events[1:]
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        first.events = events
        assert first.finals() == whole.finals()


async def test_events_of_the_time_without_a_client_come_after_the_resume():
    async with serving() as server:
        async with server.connect() as first:
            started = await first.start()
            await first.say(TALK[:192_000])
        async with server.connect() as second:
            await second.say(_resume(started, 1))
            await second.hear("session_resumed")
            await second.finish()
            assert [event["seq"] for event in second.events[1:]] == list(range(2, len(second.events) + 1))
        async with server.connect() as third:  # and once more after the end
            await third.say(_resume(started, 1))
            assert await third.close_code() == 1000
            assert third.events == second.events


async def test_a_wrong_token_an_unknown_session_and_a_seq_from_the_future_are_refused():
    async with serving() as server, server.connect() as client:
        started = await client.start()
        for change, close in [({"resume_token": "x"}, 4404), ({"session_id": "x"}, 4404), ({"last_seq": 99}, 1008)]:
            async with server.connect() as other:
                await other.say({**_resume(started, 1), **change})
                assert (await other.hear("error"))["fatal"] is True
                assert await other.close_code() == close


async def test_a_session_that_another_connection_holds_is_refused_with_4409():
    async with serving() as server, server.connect() as client:
        started = await client.start()
        listener = asyncio.create_task(client.hear("session_stopped"))  # answers pings
        async with server.connect() as other:
            await other.say(_resume(started, 1))
            assert (await other.hear("error"))["code"] == "already_attached"
            assert await other.close_code() == 4409
        await client.say({"type": "stop_session"})
        assert (await listener)["reason"] == "client"


async def test_a_connection_that_no_longer_answers_is_taken_over(monkeypatch):
    monkeypatch.setattr("server.socket.peer.PROBE_S", 0.05)
    async with serving() as server, server.connect(autoping=False) as silent:
        started = await silent.start()
        async with server.connect() as other:
            await other.say(_resume(started, 1))
            await other.hear("session_resumed")
            assert (await other.finish())["reason"] == "client"


async def test_beyond_max_sessions_a_start_is_refused_with_1013_and_a_time():
    async with serving(max_sessions=1) as server, server.connect() as client:
        await client.start()
        async with server.connect() as other:
            await other.say(START)
            error = await other.hear("error")
            assert (error["code"], error["retry_after_s"] > 0) == ("full", True)
            assert await other.close_code() == 1013
        await client.finish()
        async with server.connect() as later:
            await later.start()
            await later.finish()


async def test_an_idle_session_is_stopped_and_closed_with_4408():
    async with serving(idle_timeout_s=0.3) as server, server.connect() as client:
        await client.start()
        await client.say(speech((0.5, 0.5)))
        assert (await client.hear("session_stopped"))["reason"] == "idle"
        assert await client.close_code() == 4408
        assert len(client.finals()) == 1


async def test_a_lost_session_that_nobody_resumes_is_transcribed_to_its_end_and_then_forgotten():
    async with serving(resume_ttl_s=0.3, retention=0.3) as server:
        async with server.connect() as client:
            started = await client.start()
        sessions = server.app[_sessions_key()]
        await until(lambda: not sessions._sessions)
        async with server.connect() as late:
            await late.say(_resume(started, 1))
            assert (await late.hear("error"))["code"] == "no_such_session"
            assert await late.close_code() == 4404


async def test_a_session_at_its_length_limit_is_stopped_in_order():
    async with serving(max_session_s=2.0) as server, server.connect() as client:
        await client.start()
        await client.say(speech((2.0, 0.5)))
        stopped = await client.hear("session_stopped")
        assert (stopped["reason"], stopped["segments"]) == ("limit", 1)
        assert await client.close_code() == 1000


async def test_a_server_that_goes_down_transcribes_what_it_received_and_closes_with_1001():
    async with serving() as server, server.connect() as client:
        await client.start()
        await client.say(speech((2.0, 0.5)))
        await client.hear("progress")
        down = asyncio.create_task(server.app.shutdown())
        assert (await client.hear("session_stopped"))["reason"] == "shutdown"
        assert await client.close_code() == 1001
        await down
        assert len(client.finals()) == 1
        async with server.connect() as other:
            await other.say(START)
            assert (await other.hear("error"))["code"] == "shutting_down"
            assert await other.close_code() == 1013


async def test_metrics_count_what_happened_and_hold_no_word_of_it():
    async with serving() as server:
        async with server.connect() as client:
            await client.start(patient={"name": "Secretname"})
            await client.say(speech((1.0, 0.5), (2.0, 0)))
            await client.say("not json")
            await client.finish()
        _, text = await server.get("/metrics")
    assert "drtranscribe_audio_seconds_total 3.0" in text
    assert 'drtranscribe_segments_total{kind="final"} 1.0' in text
    assert 'drtranscribe_errors_total{code="not_json"} 1.0' in text
    assert 'drtranscribe_sessions_ended_total{reason="client"} 1.0' in text
    assert "drtranscribe_sessions 0.0" in text
    assert "drtranscribe_connections 0.0" in text
    assert "Secretname" not in text
    assert " s of " not in text, "the fake's transcript"


async def test_a_client_without_the_subprotocol_or_from_a_foreign_page_is_turned_away_and_noted():
    notes = Notes()
    async with serving(audit_trail=notes) as server:
        for options, status in [({"protocols": []}, 400), ({"headers": {"Origin": "https://evil.example"}}, 403)]:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                async with server.connect(**options):
                    pass
            assert caught.value.status == status
        assert [line[2] for line in notes.lines] == ["no_subprotocol", "origin_not_allowed"]
        async with server.connect(headers={"Origin": server.url}) as own_page:
            await own_page.start()
    ehr = "https://ehr.example"
    async with serving(allowed_origins=(ehr,)) as server, server.connect(headers={"Origin": ehr}) as page:
        await page.start()


async def test_the_page_is_served_with_a_strict_policy():
    async with serving() as server, server.http.get(server.url) as response:
        assert response.status == 200
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        assert "<html" in await response.text()


async def test_a_ping_before_the_first_message_is_answered_and_the_session_starts():
    async with serving() as server, server.connect(autoping=False) as client:
        await client.ws.ping(b"here")
        pong = await client.ws.receive(timeout=60)
        assert (pong.type, pong.data) == (aiohttp.WSMsgType.PONG, b"here")
        await client.start()
        await client.finish()


async def test_compression_is_not_agreed_on():
    async with serving() as server, server.connect(compress=15) as client:
        assert not client.ws.compress
        await client.start()


def _resume(started, last_seq):
    return {
        "type": "resume_session",
        "session_id": started["session_id"],
        "resume_token": started["resume_token"],
        "last_seq": last_seq,
    }


def _sessions_key():
    from server.app import SESSIONS

    return SESSIONS


def test_json_lines_of_the_wire_are_compact():
    from server import protocol

    assert json.loads(protocol.event("x", 1, a=1)) == {"type": "x", "seq": 1, "a": 1}
    assert json.loads(protocol.unnumbered("x", a=1)) == {"type": "x", "a": 1}


async def test_what_an_extractor_invents_is_not_sent_and_counted():
    class Inventive(EchoExtractor):
        async def extract(self, consultation):
            invented = Proposal("symptom", "chest pain", (Quote("s1", "this was never said"),), "model")
            return [*await super().extract(consultation), invented]

    async with serving(Pipeline(LoudnessVad(), LevelAsr(), [Inventive()])) as server, server.connect() as client:
        await client.start()
        await client.say(speech((2.0, 0.5), (1.0, 0)))
        assert (await client.finish())["findings"] == 1
        assert "drtranscribe_ungrounded_total 1.0" in (await server.get("/metrics"))[1]


async def test_fifty_refusals_in_a_row_close_the_connection_and_a_resume_loses_nothing():
    async with serving() as server:
        async with server.connect() as client:
            started = await client.start()
            await client.say(speech((2.0, 0.5), (1.0, 0)))
            await client.hear("progress")
            for _ in range(49):
                await client.say("junk")
            await client.say({"type": "marker", "id": 7})
            await client.hear("marker")
            for _ in range(50):
                await client.say("junk")
            assert await client.close_code() == 1008
        async with server.connect() as again:
            await again.say(_resume(started, 1))
            assert (await again.hear("session_resumed"))["received_samples"] == 48_000
            assert (await again.finish())["segments"] == 1
            codes = [event["code"] for event in again.events if event["type"] == "error"]
            assert codes == ["not_json"] * 4 + ["too_many_refusals"], "the log keeps the newest few"
        _, text = await server.get("/metrics")
        assert 'drtranscribe_errors_total{code="not_json"} 99.0' in text
        assert 'drtranscribe_errors_total{code="too_many_refusals"} 1.0' in text


async def test_a_client_that_says_too_much_is_refused_with_a_time_and_closed_and_may_still_speak_and_stop(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("server.sessions.intake.requests.allowance_clock", lambda: now[0])
    async with serving() as server:
        async with server.connect() as client:
            started = await client.start()
            await client.say(speech((1.0, 0.5), (1.0, 0)))
            await client.say({"type": "marker", "id": 1})
            await client.hear("marker")
            for _ in range(199):
                await client.say({"type": "confirm_finding", "finding_id": "f1"})
            for message in (
                {"type": "edit_finding", "finding_id": "f1", "fields": {"text": "a cough"}},
                {"type": "dismiss_finding", "finding_id": "f1"},
                {"type": "marker", "id": 2},
                {"type": "pause_session"},
            ):
                await client.say(message)
                error = await client.hear("error", "marker", "session_paused")
                assert (error["code"], error["retry_after_s"], error["fatal"]) == ("too_many_messages", 0.2, False)
                assert "200 messages at once" in error["message"]
            assert sum(event["type"] == "extraction" for event in client.events) == 200
            now[0] += 0.2
            await client.say({"type": "marker", "id": 3})
            assert (await client.hear("error", "marker"))["type"] == "marker"
            for _ in range(50):
                await client.say({"type": "confirm_finding", "finding_id": "f1"})
            assert await client.close_code() == 1008
        async with server.connect() as again:
            await again.say(_resume(started, 1))
            await again.hear("session_resumed")
            await again.say(speech((1.0, 0.6), (1.0, 0)))
            stopped = await again.finish()
            assert (stopped["segments"], stopped["findings"]) == (2, 2)
        _, text = await server.get("/metrics")
        assert 'drtranscribe_errors_total{code="too_many_messages"} 54.0' in text


async def test_changes_of_findings_are_taken_up_to_a_sum_and_then_refused_and_the_session_goes_on(monkeypatch):
    monkeypatch.setattr("server.sessions.judging.MAX_EDITS_BYTES", 5_000)
    async with serving() as server, server.connect() as client:
        await client.start()
        await client.say(speech((1.0, 0.5), (1.0, 0)))
        await client.say({"type": "marker", "id": 1})
        await client.hear("marker")
        told = [event for event in client.events if event["type"] == "extraction"]
        answers = []
        while "error" not in answers:
            await client.say({"type": "edit_finding", "finding_id": "f1", "fields": {"text": "a cough " + "x" * 450}})
            answers.append((await client.hear("extraction", "error"))["type"])
        error = client.events[-1]
        session = server.app[_sessions_key()].known(client.events[0]["session_id"])
        kept = [text for text in session.log.kept() if json.loads(text)["type"] == "extraction"]
        edits = sum(map(len, kept[len(told) :]))
        assert 3 < len(answers) < 10
        assert 5_000 <= edits < 6_500
        assert (error["code"], error["fatal"]) == ("too_many_edits", False)
        assert "5000 bytes" in error["message"]
        await client.say({"type": "dismiss_finding", "finding_id": "f1"})
        assert (await client.hear("error", "extraction"))["code"] == "too_many_edits"
        await client.say(speech((1.0, 0.6), (1.0, 0)))
        stopped = await client.finish()
        assert (stopped["segments"], stopped["findings"]) == (2, 2)
        _, text = await server.get("/metrics")
    assert 'drtranscribe_errors_total{code="too_many_edits"} 2.0' in text


async def test_a_place_without_audio_is_soon_free_when_its_client_is_gone_and_at_once_when_it_is_needed():
    async with serving(max_sessions=1, first_audio_timeout_s=0.3) as server:
        async with server.connect() as gone:
            await gone.start()
        sessions = server.app[_sessions_key()]
        await until(lambda: sessions.open_count == 0)
        async with server.connect() as silent, server.connect() as other:
            await silent.start()
            (session,) = (each for each in sessions._sessions.values() if not each.stopping)
            session._presence.opened_at -= 1
            await other.start()
            assert (await silent.hear("session_stopped"))["reason"] == "idle"
            assert await silent.close_code() == 4408
            await other.say(speech((1.0, 0.5), (1.0, 0)))
            assert (await other.finish())["segments"] == 1


async def test_a_language_that_the_model_does_not_know_is_refused_with_those_that_it_knows():
    engines = Pipeline(LoudnessVad(), LevelAsr(), [EchoExtractor()], languages=frozenset({"en"}))
    async with serving(engines) as server:
        for language in ("de", "eng"):
            async with server.connect() as client:
                await client.say({**START, "language": language})
                error = await client.hear("error")
                assert error["code"] == "invalid_language"
                assert error["message"].endswith("send auto or one of: en")
                assert await client.close_code() == 1008
        async with server.connect() as client:
            await client.start(language="auto")


async def test_the_vocabulary_the_appointment_and_the_clinician_of_a_client_are_kept_with_the_session():
    async with serving() as server, server.connect() as client:
        given = {"appointment_id": "A-17", "clinician_id": "D-4"}
        started = await client.start(vocabulary=["Oyelaran", "Zelnorm"], **given)
        assert given.items() <= started.items()
        (session,) = server.app[_sessions_key()]._sessions.values()
        assert session.options.vocabulary == ("Oyelaran", "Zelnorm")
    async with serving() as server, server.connect() as client:
        assert not given.keys() & (await client.start()).keys()
