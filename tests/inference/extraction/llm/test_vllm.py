"""The client against a small OpenAI-compatible server over real HTTP."""

import asyncio
import gzip
import json
import logging
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from inference.extraction import ExtractionError, ExtractionRequest, LateAnswer, Patient, UnusableAnswer
from inference.extraction.llm import client
from inference.extraction.llm.client import MOST_BYTES, VllmExtractor
from inference.extraction.llm.schema import ANSWER_SCHEMA, MOST_OPERATIONS
from inference.findings import Finding, Quote
from inference.transcript import Segment
from tests.support.model_server import MODELS, Handler, Server, as_json, completion, serving_model, silent

SECRET = "xylophonitis"
TALK = ExtractionRequest(
    segments=[Segment("s1", "patient", 0.0, 3.0, f"I have had {SECRET} since Tuesday", final=True)],
    new_from=0,
    findings=[
        Finding("f1", "symptom", f"mild {SECRET}", "possible", "current", "patient", {"onset": "x"}, (), "rules", 0.5)
    ],
    patient=Patient(name="Ada Byron", history=SECRET),
)
ADDITION: dict[str, Any] = {
    "op": "add",
    "evidence": [{"segment": "s1", "quote": f"{SECRET} since Tuesday"}],
    "kind": "symptom",
    "text": SECRET,
    "status": "present",
    "temporality": "current",
    "experiencer": "patient",
    "attributes": [{"name": "onset", "value": "Tuesday"}],
}
CORRECTION = {**ADDITION, "op": "update", "finding_id": "f1"}
RETRACTION = {"op": "retract", "finding_id": "f1", "evidence": ADDITION["evidence"]}


@asynccontextmanager
async def asking(server: Server, **settings: Any) -> AsyncIterator[VllmExtractor]:
    extractor = VllmExtractor(server.url, **settings)
    try:
        yield extractor
    finally:
        await extractor.close()


@asynccontextmanager
async def answered(answer: Handler, **settings: Any) -> AsyncIterator[tuple[Server, VllmExtractor]]:
    async with serving_model(answer) as server, asking(server, **settings) as extractor:
        yield server, extractor


async def failure(
    url: str, consultation: ExtractionRequest = TALK, kind: type[ExtractionError] = ExtractionError, **settings: Any
) -> str:
    """The message with which the extraction fails, shown to hold no spoken word and to carry no other error along."""
    extractor = VllmExtractor(url, **settings)
    try:
        with pytest.raises(kind) as caught:
            await extractor.extract(consultation)
    finally:
        await extractor.close()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    message = str(caught.value)
    assert SECRET not in message
    assert "Byron" not in message
    return message


async def test_operations_become_proposals_with_their_quotes():
    operations = [ADDITION, CORRECTION, RETRACTION]
    async with answered(lambda _: as_json(completion({"operations": operations}))) as (_, extractor):
        added, updated, retracted = await extractor.extract(TALK)
    assert added.op == "add"
    assert added.finding_id is None
    assert added.quotes == (Quote("s1", f"{SECRET} since Tuesday"),)
    assert (added.kind, added.text, added.status, added.source) == ("symptom", SECRET, "present", "model")
    assert added.attributes == {"onset": "Tuesday"}
    assert (updated.op, updated.finding_id, updated.text) == ("update", "f1", SECRET)
    assert (retracted.op, retracted.finding_id) == ("retract", "f1")
    assert (retracted.text, retracted.status) == (f"mild {SECRET}", "possible")
    assert retracted.quotes == added.quotes


@pytest.mark.parametrize("unknown", [{**CORRECTION, "finding_id": "f99"}, {**RETRACTION, "finding_id": "f99"}])
async def test_an_operation_on_a_finding_that_does_not_exist_is_dropped_and_the_others_are_kept(unknown, caplog):
    caplog.set_level(logging.INFO)
    operations = [ADDITION, unknown, RETRACTION]
    findings = [replace(TALK.findings[0], id=f"f{number}") for number in range(1, 7)]
    async with answered(lambda _: as_json(completion({"operations": operations}))) as (_, extractor):
        proposals = await extractor.extract(replace(TALK, findings=findings))
    assert [(proposal.op, proposal.finding_id) for proposal in proposals] == [("add", None), ("retract", "f1")]
    assert "(1 of 3 operations, dropped)" in caplog.text
    assert SECRET not in caplog.text


async def test_an_answer_of_nothing_but_unknown_findings_is_no_proposals():
    async with answered(lambda _: as_json(completion({"operations": [{**CORRECTION, "finding_id": "f99"}]}))) as (
        _,
        extractor,
    ):
        assert await extractor.extract(TALK) == []


async def test_no_operations_are_no_proposals():
    async with answered(lambda _: as_json(completion({"operations": []}))) as (_, extractor):
        assert await extractor.extract(TALK) == []


async def test_the_request_asks_for_the_schema_without_thinking_at_temperature_zero():
    async with answered(lambda _: as_json(completion({"operations": []})), api_key="sesame", max_tokens=700) as (
        server,
        extractor,
    ):
        await extractor.extract(TALK)
    [body] = server.bodies
    assert body["response_format"]["json_schema"]["schema"] == ANSWER_SCHEMA
    assert (body["temperature"], body["max_tokens"], body["model"]) == (0, 700, "first")
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert set(server.keys) == {"Bearer sesame"}


async def test_no_key_of_the_environment_is_sent(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "somebody's")
    async with answered(lambda _: as_json(completion({"operations": []}))) as (server, extractor):
        await extractor.extract(TALK)
    assert set(server.keys) == {"Bearer none"}


async def test_no_proxy_of_the_environment_sees_the_words(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with answered(lambda _: as_json(completion({"operations": []}))) as (_, extractor):
        assert await extractor.extract(TALK) == []


async def test_a_model_that_is_named_is_asked():
    async with answered(lambda _: as_json(completion({"operations": []})), model="second") as (server, extractor):
        await extractor.extract(TALK)
    assert server.bodies[0]["model"] == "second"


async def test_a_model_that_is_not_served_is_refused_with_those_that_are():
    async with serving_model(lambda _: as_json(completion({"operations": []}))) as server:
        message = await failure(server.url, model="third")
    assert "third" in message
    assert "choose from first, second" in message


async def test_starting_warms_the_prompt_and_the_schema_with_one_token():
    async with answered(lambda _: as_json(completion({"operations": []}))) as (server, extractor):
        await extractor.start()
        await extractor.extract(TALK)
    [warm_up], [request] = server.warm_ups, server.bodies
    assert warm_up["max_tokens"] == 1
    assert warm_up["response_format"] == request["response_format"]
    assert warm_up["messages"][0] == request["messages"][0]


async def test_a_small_window_shortens_the_prompt():
    segments = [Segment(f"s{n}", "patient", n, n + 1.0, "pain " * 40, final=True) for n in range(1, 201)]
    consultation = ExtractionRequest(segments, 199, [])
    lengths = []
    async with serving_model(lambda _: as_json(completion({"operations": []}))) as server:
        for window in (8192, 131_072):
            server.models = lambda _, window=window: as_json({"data": [{"id": "m", "max_model_len": window}]})
            async with asking(server) as extractor:
                await extractor.extract(consultation)
            lengths.append(sum(len(message["content"]) for message in server.bodies[-1]["messages"]))
    assert lengths[0] <= (8192 - 2048) * 4 < lengths[1]


async def test_much_to_catch_up_on_is_answered_by_all_requests_together():
    segments = [Segment(f"s{n}", "patient", n, n + 1.0, "pain " * 100, final=True) for n in range(1, 21)]
    async with answered(lambda _: as_json(completion({"operations": [ADDITION]}))) as (server, extractor):
        proposals = await extractor.extract(ExtractionRequest(segments, 0, []))
    assert len(proposals) == len(server.bodies) == 4


async def html(_: web.Request) -> web.Response:
    return web.Response(text=f"<p>{SECRET}</p>", content_type="text/html")


async def cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "5000"})
    await response.prepare(request)
    await response.write(b'{"choices": [{"mess')
    assert request.transport is not None
    request.transport.close()
    return response


async def redirected(_: web.Request) -> web.Response:
    return web.Response(status=307, headers={"Location": "/v1/models"})


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (lambda _: as_json({"error": {"message": SECRET}}, status=400), "use vLLM 0.12 or newer"),
        (lambda _: as_json({"error": {"message": SECRET}}, status=401), "refuses the API key"),
        (lambda _: as_json({"error": {"message": SECRET}}, status=404), "--vllm-url must end in /v1"),
        (lambda _: as_json({"error": {"message": SECRET}}, status=500), "fails (HTTP 500): read its log"),
        (redirected, "redirects elsewhere (HTTP 307)"),
        (html, "must name vLLM's address"),
        (cut_off, "start vLLM there or unset --vllm-url"),
        (lambda _: as_json({"choices": []}), "must name vLLM's address"),
        (lambda _: as_json({"choices": [{"message": SECRET}]}), "must name vLLM's address"),
        (lambda _: as_json([SECRET]), "must name vLLM's address"),
        (lambda _: as_json(completion(None)), "structured outputs"),
        (lambda _: as_json(completion("")), "structured outputs"),
        (lambda _: as_json(completion(f"Sure! {SECRET}")), "structured outputs"),
        (lambda _: as_json(completion(json.dumps({"operations": [ADDITION]})[:80])), "structured outputs"),
        (lambda _: as_json(completion({"operations": [{**ADDITION, "kind": SECRET}]})), "structured outputs"),
        (lambda _: as_json(completion({"operations": [{**ADDITION, "evidence": []}]})), "structured outputs"),
        (
            lambda _: as_json(
                completion({"operations": [{**ADDITION, "attributes": [{"name": SECRET, "value": "x"}]}]})
            ),
            "structured outputs",
        ),
        (lambda _: as_json(completion({"operations": [ADDITION]}, "length")), "disable_any_whitespace"),
    ],
)
async def test_a_bad_answer_is_an_extraction_error_with_a_remedy_and_no_spoken_word(answer, remedy, monkeypatch):
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.0)
    async with serving_model(answer) as server:
        assert remedy in await failure(server.url)


async def test_of_an_answer_cut_off_about_one_segment_the_whole_operations_stand():
    second = {**ADDITION, "text": "another"}
    whole = json.dumps({"operations": [ADDITION, second, ADDITION]})
    for cut in (len(whole) - 2, len(whole) - 40):
        async with answered(lambda _, cut=cut: as_json(completion(whole[:cut], "length"))) as (server, extractor):
            proposals = await extractor.extract(TALK)
        assert [proposal.text for proposal in proposals] == [ADDITION["text"], "another"]
        assert len(server.bodies) == 1


def several(count: int) -> ExtractionRequest:
    """`count` new segments after one that is known."""
    said = [replace(TALK.segments[0], id=f"s{n}", text=f"I have had {SECRET} since day {n}") for n in range(count + 1)]
    return replace(TALK, segments=said, new_from=1, over=True)


def new_lines(body: dict[str, Any]) -> tuple[str, bool]:
    """Which are asked about, and whether as the last ones."""
    content = body["messages"][1]["content"]
    return content.split("New lines: ")[1].split("\n")[0], "consultation is over" in content


@pytest.mark.parametrize("reason", ["stop", "length"])
async def test_an_answer_about_several_segments_that_has_no_room_for_more_is_asked_for_in_halves(reason):
    """Cut off by the tokens, or ended by the bound of the grammar."""

    def additions(*days: int) -> list[dict[str, Any]]:
        quotes = [[{"segment": f"s{n}", "quote": f"since day {n}"}] for n in days]
        return [{**ADDITION, "text": f"{SECRET} {n}", "evidence": quote} for n, quote in zip(days, quotes, strict=True)]

    full = additions(*range(1, MOST_OPERATIONS + 1))
    text = json.dumps({"operations": full})
    answers = iter(
        [
            as_json(completion(text if reason == "stop" else text[:-40], reason)),
            as_json(completion({"operations": additions(1)})),
            as_json(completion({"operations": additions(2, 3)})),
        ]
    )
    async with answered(lambda _: next(answers)) as (server, extractor):
        proposals = await extractor.extract(several(3))
    assert [proposal.text for proposal in proposals] == [f"{SECRET} {n}" for n in (1, 2, 3)]
    assert [new_lines(body) for body in server.bodies] == [
        ("s1 to s3", True),
        ("s1 to s1", False),
        ("s2 to s3", True),
    ]


async def test_a_server_without_structured_outputs_may_go_beyond_the_bounds_of_the_grammar():
    operations = [{**ADDITION, "text": f"{SECRET} {n} {'x' * 120}"} for n in range(MOST_OPERATIONS + 3)]
    async with answered(lambda _: as_json(completion({"operations": operations}))) as (server, extractor):
        proposals = await extractor.extract(several(3))
    assert len(proposals) == len(operations)
    assert len(server.bodies) == 1


async def test_a_full_answer_stands_where_it_is_about_one_segment_or_repeats_itself():
    distinct = [{**ADDITION, "text": f"{SECRET} {n}"} for n in range(MOST_OPERATIONS)]
    counting = [{**ADDITION, "evidence": [{"segment": f"s{n}", "quote": SECRET}]} for n in range(MOST_OPERATIONS)]
    for operations, consultation in ((distinct, TALK), (counting, several(3))):
        async with answered(lambda _, said=operations: as_json(completion({"operations": said}))) as (
            server,
            extractor,
        ):
            proposals = await extractor.extract(consultation)
        assert len(server.bodies) == 1
        assert {proposal.text for proposal in proposals} == {operation["text"] for operation in operations}


async def test_a_failure_that_passes_is_bridged_by_a_retry(monkeypatch):
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.0)
    answers = iter([as_json({}, status=503), as_json(completion({"operations": [ADDITION]}))])
    async with answered(lambda _: next(answers)) as (server, extractor):
        assert len(await extractor.extract(TALK)) == 1
    assert len(server.bodies) == 2


async def test_a_dead_address_names_the_address_and_the_remedy(monkeypatch):
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.0)
    port = unused_port()
    message = await failure(f"http://user:pass@127.0.0.1:{port}/v1")
    assert message == (f"extraction server at 127.0.0.1:{port} does not answer: start vLLM there or unset --vllm-url")


async def test_starting_at_a_dead_address_fails_and_a_later_extraction_finds_the_server(monkeypatch):
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.0)
    async with serving_model(lambda _: as_json(completion({"operations": []}))) as server:
        server.models = lambda _: as_json({}, status=503)
        async with asking(server) as extractor:
            with pytest.raises(ExtractionError, match="fails \\(HTTP 503\\)"):
                await extractor.start()
            server.models = lambda _: as_json(MODELS)
            assert await extractor.extract(TALK) == []


async def test_a_server_that_came_back_with_another_model_is_asked_for_that_one():
    async with answered(lambda _: as_json({}, status=404)) as (server, extractor):
        with pytest.raises(ExtractionError):
            await extractor.extract(TALK)
        server.models = lambda _: as_json({"data": [{"id": "other"}]})
        server.answer = lambda _: as_json(completion({"operations": []}))
        await extractor.extract(TALK)
    assert [body["model"] for body in server.bodies] == ["first", "other"]


async def test_after_an_outage_one_session_asks_for_all_what_is_served():
    async with answered(lambda _: as_json(completion({"operations": []}))) as (server, extractor):
        await asyncio.gather(*(extractor.extract(TALK) for _ in range(20)))
    assert (len(server.warm_ups), len(server.bodies)) == (1, 20)


async def test_a_server_that_accepts_and_never_answers_is_told_to_all_sessions_at_once():
    async with answered(silent, timeout_s=0.3) as (server, extractor):
        server.warm_up = silent
        told = await asyncio.gather(*(extractor.extract(TALK) for _ in range(20)), return_exceptions=True)
    assert {type(error) for error in told} == {LateAnswer}
    assert len(server.warm_ups) == 1, "not one after the other"


async def test_a_session_that_ends_while_it_asks_for_all_does_not_take_the_answer_from_the_others():
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        asked.set()
        await go.wait()
        return await as_json(completion("{"))

    async with answered(lambda _: as_json(completion({"operations": []}))) as (server, extractor):
        server.warm_up = slow
        first = asyncio.create_task(extractor.extract(TALK))
        await asked.wait()
        second = asyncio.create_task(extractor.extract(TALK))
        await asyncio.sleep(0)
        first.cancel()
        go.set()
        assert await second == []
    assert first.cancelled()
    assert (len(server.warm_ups), len(server.bodies)) == (1, 1)


async def test_a_refused_request_is_its_own_fault_and_a_failing_server_is_not(monkeypatch):
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.0)
    async with answered(lambda _: as_json({}, status=400)) as (server, extractor):
        with pytest.raises(UnusableAnswer):
            await extractor.extract(TALK)
        server.answer = lambda _: as_json({}, status=500)
        with pytest.raises(ExtractionError) as caught:
            await extractor.extract(TALK)
    assert not isinstance(caught.value, UnusableAnswer)


async def test_a_check_asks_once_and_names_what_is_wrong():
    async with answered(silent) as (server, extractor):
        await extractor.check()
        asked = 0

        async def failing(_: web.Request) -> web.Response:
            nonlocal asked
            asked += 1
            return web.json_response({}, status=503)

        server.models = failing
        with pytest.raises(ExtractionError, match="fails \\(HTTP 503\\): read its log"):
            await extractor.check()
    assert asked == 1
    assert server.bodies == []


async def test_a_check_of_a_silent_server_ends_soon_and_tells_its_own_limit(monkeypatch):
    monkeypatch.setattr(client, "CHECK_TIMEOUT_S", 0.2)
    async with answered(silent) as (server, extractor):
        server.models = silent
        with pytest.raises(LateAnswer, match=r"did not answer within 0\.2 s: start vLLM there"):
            await extractor.check()


async def test_a_host_that_takes_no_connection_is_not_called_slow(monkeypatch):
    monkeypatch.setattr(client, "CONNECT_TIMEOUT_S", 0.1)
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.0)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        told = await failure(f"http://127.0.0.1:{full.getsockname()[1]}/v1")
    assert "does not answer: start vLLM there or unset --vllm-url" in told


async def test_a_silent_server_is_given_up_after_the_timeout():
    async with serving_model(silent) as server:
        told = await failure(server.url, kind=LateAnswer, timeout_s=0.2)
    assert "did not answer within 0.2 s: start vLLM there" in told


async def test_an_endless_answer_is_given_up_after_the_timeout():
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0)

    async with serving_model(endless) as server:
        assert "did not answer within 0.2 s" in await failure(server.url, kind=LateAnswer, timeout_s=0.2)


async def test_a_flood_is_read_no_further_than_an_answer_can_be_long(monkeypatch):
    sent = 0
    gone = asyncio.Event()

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b" " * 100_000)
                sent += 100_000
        except (ConnectionError, asyncio.CancelledError):
            gone.set()
            raise

    async with serving_model(flood) as server:
        assert "must name vLLM's address" in await failure(server.url)
        await gone.wait()
    assert sent < 20 * MOST_BYTES, "what lies in the sockets' buffers besides"


async def test_a_compressed_answer_is_refused_before_it_is_unpacked():
    bomb = gzip.compress(b" " * (256 << 20), compresslevel=6)
    asked = []

    async def compressed(request: web.Request) -> web.Response:
        asked.append(request.headers["Accept-Encoding"])
        return web.Response(body=bomb, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})

    async with serving_model(compressed) as server:
        tracemalloc.start()
        try:
            assert "compresses its answers unasked" in await failure(server.url)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert asked
    assert set(asked) == {"identity"}
    assert peak < 4 * MOST_BYTES, "an answer of 256 MB unpacked"


async def test_cancelling_closes_the_request_and_leaves_the_extractor_fit_for_the_next():
    asked, closed = asyncio.Event(), asyncio.Event()

    async def waits(_: web.Request) -> web.StreamResponse:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            closed.set()
        raise AssertionError

    async with answered(waits) as (server, extractor):
        extraction = asyncio.create_task(extractor.extract(TALK))
        await asked.wait()
        extraction.cancel()
        with pytest.raises(asyncio.CancelledError):
            await extraction
        await closed.wait()
        server.answer = lambda _: as_json(completion({"operations": [ADDITION]}))
        assert len(await extractor.extract(TALK)) == 1


async def test_no_spoken_word_reaches_the_logs_even_at_debug(caplog):
    caplog.set_level(logging.DEBUG)
    async with answered(lambda _: as_json(completion({"operations": [ADDITION]}))) as (_, extractor):
        await extractor.extract(TALK)
    assert "httpcore" in caplog.text  # so something was listened to
    assert SECRET not in caplog.text


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://localhost/v1", "http:///v1", ""])
def test_an_address_that_is_none_is_refused_at_once(address):
    with pytest.raises(ValueError, match="http://HOST:PORT/v1"):
        VllmExtractor(address)
