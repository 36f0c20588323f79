"""Said and not noted, over the wire: asked for, added with its words, left out, and told before the end."""

import json

import pytest

from inference.extraction import ExtractionRequest, Listed, tables
from inference.findings import Proposal, Quote
from inference.pipeline import Pipeline
from tests.support.access import Notes
from tests.support.fakes import ONE_PAUSE, EchoExtractor, LevelAsr, LoudnessVad, speech
from tests.support.live import Client, Event, serving
from tests.support.redis import redis_or_skip

AUDIO = speech((0.5, 0), (2, 0.5), (1.5, 0))
WORDS = "2.00 s of 0.50"


class Lists(EchoExtractor):
    """Finds nothing while people speak, and lists two facts of each final."""

    async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
        return []

    async def list_facts(self, consultation: ExtractionRequest) -> Listed:
        return Listed(
            [
                Proposal("symptom", text, (Quote(segment.id, quote),), "rules")
                for segment in consultation.segments
                for text, quote in (("length", segment.text[:6]), ("loudness", segment.text[-4:]))
            ]
        )


def pipeline() -> Pipeline:
    return Pipeline(LoudnessVad(), LevelAsr(), [Lists()], ONE_PAUSE)


async def talk(client: Client) -> Event:
    started = await client.start()
    await client.say(AUDIO)
    return started


def final(client: Client) -> Event:
    return next(e["segment"] for e in client.events if e["type"] == "transcript" and e["segment"]["final"])


async def test_the_omissions_are_told_when_asked_for_and_again_before_the_last_event():
    async with serving(pipeline()) as server, server.connect() as client:
        await talk(client)
        await client.say({"type": "review_note", "request": 4})
        told = await client.hear("omissions")
        assert (told["request"], told["left_out"]) == (4, [])
        assert [(item["text"], item["status"]) for item in told["items"]] == [
            ("length", "present"),
            ("loudness", "present"),
        ]
        evidence = told["items"][1]["evidence"][0]
        assert final(client)["text"][evidence["start"] : evidence["end"]] == evidence["quote"] == "0.50"
        await client.finish()
    kinds = [event["type"] for event in client.events]
    assert kinds[-1] == "session_stopped"


async def test_without_being_asked_they_come_before_session_stopped():
    async with serving(pipeline()) as server, server.connect() as client:
        await talk(client)
        await client.finish()
    assert [event["type"] for event in client.events[-2:]] == ["omissions", "session_stopped"]


async def test_one_that_is_added_becomes_a_finding_of_the_clinician_with_its_words_and_is_offered_no_more():
    notes = Notes()
    async with serving(pipeline(), audit_trail=notes) as server, server.connect() as client:
        started = await talk(client)
        await client.say({"type": "review_note"})
        item = (await client.hear("omissions"))["items"][0]
        quotes = [{"segment": e["segment"], "quote": e["quote"], "start": e["start"]} for e in item["evidence"]]
        fields = {name: item[name] for name in ("kind", "text", "status", "temporality", "experiencer", "attributes")}
        await client.say({"type": "add_finding", "fields": fields, "evidence": quotes, "request": 5})
        added = await client.hear("extraction")
        (op,) = added["ops"]
        assert (op["op"], op["finding"]["source"], op["judgement"]["what"]) == ("add", "clinician", "added")
        assert (added["judged"], added["request"]) == (True, 5)
        assert op["finding"]["evidence"] == item["evidence"]
        await client.say({"type": "add_finding", "fields": fields, "evidence": quotes, "request": 5})  # sent again
        await client.finish()
        status, record = await server.get(f"/v1/sessions/{started['session_id']}/record")
    told = [event for event in client.events if event["type"] == "omissions"]
    assert [entry["text"] for entry in told[-1]["items"]] == ["loudness"]
    kept = json.loads(record)
    assert status == 200
    assert [(f["text"], f["judgement"]["what"]) for f in kept["findings"]] == [("length", "added")]
    assert [omission["text"] for omission in kept["omissions"]] == ["loudness"]
    assert ("finding_added", "anonymous", "ok") in notes.lines


@pytest.mark.parametrize(
    ("fields", "evidence", "code"),
    [
        ({"kind": "symptom", "text": "fever"}, [{"segment": "u1", "quote": "a fever"}], "not_said"),
        ({"kind": "symptom", "text": "fever"}, [], "invalid_message"),
        ({"kind": "symptom"}, [{"segment": "u1", "quote": WORDS}], "invalid_message"),
        ({"text": "fever"}, [{"segment": "u1", "quote": WORDS}], "invalid_message"),
        ({"kind": "symptom", "text": "fever", "codes": []}, [{"segment": "u1", "quote": WORDS}], "invalid_message"),
    ],
)
async def test_nothing_is_added_that_nobody_said_or_that_is_no_finding(fields, evidence, code):
    async with serving(pipeline()) as server, server.connect() as client:
        await talk(client)
        await client.say({"type": "review_note"})
        await client.hear("omissions")
        await client.say({"type": "add_finding", "fields": fields, "evidence": evidence})
        assert (await client.hear("error", "extraction"))["code"] == code
        assert (await client.finish())["findings"] == 0


async def test_one_that_is_left_out_is_in_no_later_list_and_not_in_the_record_at_another_server_either():
    tables.load()
    with redis_or_skip() as redis:
        async with serving(pipeline(), store=redis.url) as first, serving(pipeline(), store=redis.url) as second:
            async with first.connect() as client:
                started = await talk(client)
                await client.say({"type": "review_note", "request": 1})
                left = (await client.hear("omissions"))["items"][0]["id"]
                await client.say({"type": "leave_out", "omission_id": left, "request": 2})
                told = await client.hear("omissions")
                assert ([item["text"] for item in told["items"]], told["left_out"]) == (["loudness"], [left])
            async with second.connect() as client:
                token, name = started["resume_token"], started["session_id"]
                resumed = {"type": "resume_session", "session_id": name, "resume_token": token, "last_seq": told["seq"]}
                await client.say(resumed)
                mark = (await client.hear("session_resumed"))["received_samples"]
                await client.say(AUDIO[2 * mark :] or speech((0.5, 0)))
                await client.finish()
                last = [event for event in client.events if event["type"] == "omissions"][-1]
                assert ([item["text"] for item in last["items"]], last["left_out"]) == (["loudness"], [left])
                _, record = await second.get(f"/v1/sessions/{name}/record")
                assert [omission["text"] for omission in json.loads(record)["omissions"]] == ["loudness"]


async def test_after_the_end_nothing_is_added_and_nothing_left_out():
    async with serving(pipeline()) as server, server.connect() as client:
        started = await talk(client)
        await client.finish()
        session_id = started["session_id"]
        last = client.events[-1]["seq"]
        async with server.connect() as late:
            await late.say(
                {
                    "type": "resume_session",
                    "session_id": session_id,
                    "resume_token": started["resume_token"],
                    "last_seq": last,
                }
            )
            await late.hear("session_resumed")
            assert await late.close_code() == 1000
        _, record = await server.get(f"/v1/sessions/{session_id}/record?format=markdown")
        assert "## Said, not in the note" in record
        assert "- loudness: “0.50” \\[00:02\\]" in record
