"""A consent that is withdrawn, and a session that is deleted: nothing of it stays. And how long an ended one is kept."""

import asyncio
import gc
import json

import pytest

from inference.audio.decoding import AudioFormat
from inference.pipeline import Pipeline
from inference.stream import StreamOptions
from server.app import SESSIONS
from server.monitoring.metrics import Metrics
from server.sessions.events import EventLog
from server.sessions.patience import patience
from server.sessions.presence import Limits
from server.sessions.registry import Sessions
from server.sessions.session import Session
from tests.server.test_overload import LoudWaits
from tests.support.access import Notes, key
from tests.support.fakes import ONE_PAUSE, EchoExtractor, LevelAsr, LoudnessVad, speech
from tests.support.live import serving, until

AUDIO = speech((1.0, 0.5), (2.0, 0))


async def test_withdrawing_ends_the_session_with_its_reason_and_forgets_every_word():
    notes = Notes()
    async with serving(audit_trail=notes) as server:
        async with server.connect() as client:
            started = await client.start()
            await client.say(AUDIO)
            while not client.finals():
                await client.hear("transcript")
            (session,) = server.app[SESSIONS]._sessions.values()
            await client.say({"type": "withdraw_consent"})
            stopped = await client.hear("session_stopped")
            assert (stopped["reason"], stopped["segments"], stopped["findings"]) == ("withdrawn", 0, 0)
            assert stopped["seq"] == max(event["seq"] for event in client.events), "no number is used again"
            assert await client.close_code() == 1000
            assert client.events[-1] == stopped
        assert [json.loads(text)["type"] for text in session.log.kept()] == ["session_stopped"]
        assert server.app[SESSIONS]._sessions == {}
        assert (await server.get(f"/v1/sessions/{started['session_id']}/record"))[0] == 404
        async with server.connect() as client:
            await client.say({
                "type": "resume_session", "last_seq": 0,
                "session_id": started["session_id"], "resume_token": started["resume_token"],
            })  # fmt: skip
            assert await client.close_code() == 4404
    assert ("consent_withdrawn", "anonymous", "ok") in notes.lines


async def test_withdrawing_does_not_wait_for_what_is_still_to_be_transcribed():
    asr = LoudWaits()
    async with serving(Pipeline(LoudnessVad(), asr, [], ONE_PAUSE)) as server, server.connect() as client:
        await client.start()
        asr.go.clear()
        for _ in range(3):
            await client.say(speech((1.0, 0.9), (2.0, 0)))
        await client.say({"type": "withdraw_consent"})
        assert (await client.hear("session_stopped"))["reason"] == "withdrawn"
        asr.go.set()


async def test_a_consent_can_be_withdrawn_while_the_session_stops():
    asr = LoudWaits()
    async with serving(Pipeline(LoudnessVad(), asr, [], ONE_PAUSE)) as server, server.connect() as client:
        await client.start()
        asr.go.clear()
        await client.say(speech((1.0, 0.9), (2.0, 0)))
        await client.say({"type": "stop_session"})
        await client.say({"type": "withdraw_consent"})
        assert (await client.hear("session_stopped"))["reason"] == "withdrawn"
        asr.go.set()


@pytest.mark.parametrize("ended", [False, True])
async def test_a_session_is_deleted_while_it_runs_and_after_its_end(ended):
    async with serving() as server:
        async with server.connect() as client:
            started = await client.start()
            await client.say(AUDIO)
            await client.hear("progress")
            if ended:
                await client.finish()
            target = f"{server.url}/v1/sessions/{started['session_id']}"
            async with server.http.delete(target) as response:
                assert (response.status, await response.read()) == (204, b"")
            if not ended:
                assert (await client.hear("session_stopped"))["reason"] == "withdrawn"
        async with server.http.delete(target) as response:
            assert (response.status, (await response.json())["code"]) == (404, "no_such_session")
        assert (await server.get(f"/v1/sessions/{started['session_id']}/record"))[0] == 404
        await until(lambda: server.app[SESSIONS].open_count == 0)


async def test_an_ended_session_is_kept_for_its_retention_and_no_longer():
    pipeline = Pipeline(LoudnessVad(), LevelAsr(), [EchoExtractor()], ONE_PAUSE)
    await pipeline.start()
    sessions = Sessions(pipeline, Limits(8, 60.0, 3600.0, 30.0, retention_s=3600.0), Metrics())
    session = sessions.open(StreamOptions(AudioFormat(48_000)))
    await asyncio.sleep(0)
    session.stop("client")
    await asyncio.gather(*sessions._tasks)
    sessions.check(patience.now() + 3599)
    assert sessions.known(session.id) is session
    sessions.check(patience.now() + 3601)
    assert sessions.known(session.id) is None
    await pipeline.close()


async def test_nothing_of_a_withdrawn_session_outlives_it_though_no_collector_runs():
    pipeline = Pipeline(LoudnessVad(), LevelAsr(), [], ONE_PAUSE)
    await pipeline.start()
    sessions = Sessions(pipeline, Limits(8, 60.0, 3600.0, 30.0), Metrics())

    async def consult():
        session = sessions.open(StreamOptions(AudioFormat(48_000)))
        await asyncio.sleep(0)
        await session.receive_audio(speech((0.8, 0.5), (1.0, 0)))
        sessions.erase(session)
        await asyncio.gather(*sessions._tasks, return_exceptions=True)

    gc.collect()
    gc.disable()
    try:
        before = sum(type(thing) in (Session, EventLog) for thing in gc.get_objects())
        await consult()
        for _ in range(10):  # the event loop lets go of its last callbacks
            await asyncio.sleep(0)
        assert sum(type(thing) in (Session, EventLog) for thing in gc.get_objects()) == before
    finally:
        gc.enable()
    await pipeline.close()


async def test_who_judged_a_finding_goes_into_its_event_and_into_the_record(tmp_path):
    header = key(tmp_path / "keys.json", "dr.who")
    notes = Notes()
    async with (
        serving(keys_file=tmp_path / "keys.json", audit_trail=notes) as server,
        server.connect(headers=header) as client,
    ):
        started = await client.start(consent_wording="We may write this down.")
        await client.say(AUDIO)
        added = (await client.hear("extraction"))["ops"][0]
        assert "judgement" not in added
        finding = added["finding"]["id"]
        await client.say({"type": "confirm_finding", "finding_id": finding})
        (op,) = (await client.hear("extraction"))["ops"]
        assert (op["judgement"]["what"], op["judgement"]["by"]) == ("confirmed", "dr.who")
        await client.say({"type": "edit_finding", "finding_id": finding, "fields": {"text": "sore throat"}})
        edited = (await client.hear("extraction"))["ops"][0]["judgement"]
        record = f"{server.url}/v1/sessions/{started['session_id']}/record"
        async with server.http.get(record, headers=header) as response:
            told = await response.json()
        assert told["findings"][0]["judgement"] == edited
        assert told["consent"] == started["consent"]
        assert (told["consent"]["wording"], told["consent"]["by"]) == ("We may write this down.", "dr.who")
        async with server.http.get(record, params={"format": "markdown"}, headers=header) as response:
            note = await response.text()
        assert "Consent: We may write this down. (given " in note
        assert ", edited by dr.who" in note
        async with server.http.get(record, params={"format": "fhir"}, headers=header) as response:
            bundle = await response.text()
        assert '"display": "dr.who"' in bundle.replace('":"', '": "')
        await client.say({"type": "confirm_finding", "finding_id": "none"})
        await client.hear("error")
        await client.finish()
    assert [line for line in notes.lines if line[0].startswith("finding")] == [
        ("finding_confirmed", "dr.who", "ok"),
        ("finding_edited", "dr.who", "ok"),
    ]
