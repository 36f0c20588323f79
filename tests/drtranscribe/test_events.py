"""The types of events are true: every event of a real server has the fields that its type names, and no others."""

import asyncio
import dataclasses
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import drtranscribe
from drtranscribe import Consultation, ConsultationError, Event
from inference import findings, transcript
from server.protocol import Close
from server.record.formats import NAMES
from tests.support.fakes import speech
from tests.support.live import serving

TestServer.__test__ = False

WAV_HEADER = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00"
"""The beginning of a file in place of samples: the server answers it with a notice."""
KNOWN = {get_args(get_type_hints(type_)["type"])[0]: type_ for type_ in get_args(Event)}


ADDED = {"judgement"}
"""Fields that the server adds to what extraction knows."""


def faults(value: Any, type_: Any, where: str) -> list[str]:
    """What in `value` is not of the type; only the kinds of types that drtranscribe.events uses."""
    origin, inner = get_origin(type_), get_args(type_)
    if is_typeddict(type_):
        hints = get_type_hints(type_)
        wrong = [f"{where}.{name} is unknown" for name in value.keys() - hints.keys()]
        wrong += [f"{where}.{name} is missing" for name in type_.__required_keys__ - value.keys()]
        return wrong + [
            fault
            for name in value.keys() & hints.keys()
            for fault in faults(value[name], hints[name], f"{where}.{name}")
        ]
    if origin is NotRequired:
        return faults(value, inner[0], where)
    if origin is list:
        return [fault for at, item in enumerate(value) for fault in faults(item, inner[0], f"{where}[{at}]")]
    if origin is dict:
        return [fault for item in value.values() for fault in faults(item, inner[1], where)]
    if origin is Literal:
        return [] if value in inner else [f"{where} is {value!r}"]
    if origin is UnionType:
        return [] if any(not faults(value, each, where) for each in inner) else [f"{where} is {value!r}"]
    if type_ is NoneType:
        return [] if value is None else [f"{where} is {value!r}"]
    fits = isinstance(value, int | float) if type_ is float else type(value) is type_
    return [] if fits else [f"{where} is {type(value).__name__}"]


async def test_every_event_of_a_session_is_what_its_type_says():
    async with serving() as server, Consultation.connect(server.url, channels=2, mode="dual") as consultation:
        await consultation.send(
            WAV_HEADER + b"".join(pair * 2 for pair in two_byte(speech((0.5, 0), (2, 0.5), (2, 0))))
        )
        await consultation.marker(1)
        seen = [event async for event in up_to(consultation, "marker")]
        await consultation.edit_finding("f1", {"text": "headache"})
        await consultation.dismiss_finding("f99")
        await consultation.pause()
        await consultation.continue_()
        seen += [event async for event in up_to(consultation, "session_continued")]
        found = [op["finding"] for event in seen if event["type"] == "extraction" for op in event["ops"]]
        await consultation.add_finding({"kind": "symptom", "text": "cough"}, found[0]["evidence"])
        seen += [event async for event in up_to(consultation, "extraction")]
        await consultation.leave_out("o-u1-0")
        await consultation.review_note()
        seen += [event async for event in up_to(consultation, "omissions")]
        await consultation.stop()
        seen += [event async for event in consultation]
    assert {event["type"] for event in seen} == KNOWN.keys()
    assert [fault for event in seen for fault in faults(event, KNOWN[event["type"]], event["type"])] == []


def two_byte(pcm: bytes) -> list[bytes]:
    return [pcm[at : at + 2] for at in range(0, len(pcm), 2)]


async def up_to(consultation: Consultation, last: str):
    async for event in consultation:
        yield event
        if event["type"] == last:
            return


@pytest.mark.parametrize(
    ("type_", "made_of"),
    [
        (drtranscribe.Segment, transcript.Segment),
        (drtranscribe.Word, transcript.Word),
        (drtranscribe.Finding, findings.Finding),
        (drtranscribe.Evidence, findings.Evidence),
        (drtranscribe.Code, findings.Code),
        (drtranscribe.Operation, findings.Operation),
        (drtranscribe.Omission, findings.Omission),
    ],
)
def test_a_type_has_the_fields_and_the_values_of_what_the_server_sends(type_, made_of):
    ours, theirs = get_type_hints(type_), get_type_hints(made_of)
    assert ours.keys() - ADDED == {field.name for field in dataclasses.fields(made_of)}
    assert {name: hint for name, hint in theirs.items() if get_origin(hint) is Literal} == {
        name: hint for name, hint in ours.items() if get_origin(hint) is Literal and name in theirs
    }


def test_the_formats_of_a_record_are_those_of_the_server():
    assert get_args(drtranscribe.RecordFormat) == NAMES


async def test_the_record_comes_with_the_consultation_and_a_missing_one_is_told():
    async with serving() as server:
        async with Consultation.connect(server.url) as consultation:
            await consultation.send(speech((0.5, 0), (2, 0.5), (1.5, 0)))
            await consultation.stop()
        assert b'"state":"ended"' in (await consultation.record()).replace(b": ", b":")
        assert (await consultation.record("pdf")).startswith(b"%PDF")
        with pytest.raises(ConsultationError, match="no record as json: no such session") as caught:
            await drtranscribe.fetch_record(server.url, "nobody")
    assert caught.value.code == "no_record"
    with pytest.raises(ConsultationError, match="does not answer any more") as caught:
        await consultation.record()
    assert caught.value.code == "unreachable"


async def test_a_consultation_goes_on_with_a_real_server_over_lost_connections():
    async with serving() as server, Consultation.connect(server.url, backoff=lambda attempt: 0) as consultation:
        for _ in range(3):
            await consultation.send(speech((0.5, 0), (2, 0.5), (1.5, 0)))
            await consultation._transport._ws.close(code=Close.GOING_AWAY)
            await asyncio.sleep(0)
        stopped = await consultation.stop()
        seqs = [event["seq"] async for event in consultation]
    assert stopped["audio_s"] == stopped["transcribed_s"] == 12
    assert seqs == sorted(set(seqs))


async def test_a_server_that_is_busy_with_records_says_when_to_ask_again():
    async def busy(request: web.Request) -> web.Response:
        return web.json_response({"message": "ask again later"}, status=503, headers={"Retry-After": "2"})

    app = web.Application()
    app.router.add_get("/v1/sessions/s/record", busy)
    async with TestServer(app) as server:
        with pytest.raises(ConsultationError, match="ask again later") as caught:
            await drtranscribe.fetch_record(f"ws://127.0.0.1:{server.port}/ws", "s")
    assert caught.value.retry_after_s == 2
