"""One consultation's findings while requests are stepped by hand."""

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from inference.extraction import ExtractionError, ExtractionRequest, LateAnswer, UnusableAnswer
from inference.extraction.live import LiveExtraction
from inference.extraction.reader import LAST_BACKOFF_S, USELESS_ANSWERS, Reading
from inference.extraction.rules.engine import RulesExtractor
from inference.findings import Proposal, Quote
from inference.timing import Timings
from inference.transcript import Segment
from inference.updates import Extracted, ExtractionUpdate, Fault, Update
from tests.support.live import until


class Request:
    def __init__(self, consultation: ExtractionRequest) -> None:
        self.segments = [segment.id for segment in consultation.segments]
        self.new = self.segments[consultation.new_from :]
        self.over = consultation.over
        self.answer: asyncio.Future[list[Proposal]] = asyncio.get_running_loop().create_future()


class Stepped:
    """Each request waits for the test's answer."""

    name = "vllm"
    reviews = True

    def __init__(self) -> None:
        self._asked: asyncio.Queue[Request] = asyncio.Queue()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
        request = Request(consultation)
        self._asked.put_nowait(request)
        return await request.answer

    async def asked(self) -> Request:
        async with asyncio.timeout(20):
            return await self._asked.get()

    @property
    def idle(self) -> bool:
        return self._asked.empty()


def said(number: int) -> Segment:
    return Segment(f"s{number}", "patient", float(number), number + 1.0, f"sentence {number}", final=True)


def proposal(number: int) -> Proposal:
    return Proposal("symptom", f"fact {number}", (Quote(f"s{number}", f"sentence {number}"),), "model")


@asynccontextmanager
async def consulting(*extractors, language: str = "en") -> AsyncIterator[tuple[LiveExtraction, list[Update]]]:
    updates: list[Update] = []
    live = LiveExtraction(extractors, updates.append, language=language)
    running = asyncio.create_task(live.run())
    try:
        yield live, updates
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def say(live: LiveExtraction, *numbers: int) -> None:
    for number in numbers:
        await live.add(said(number), Timings())


def faults(updates: list[Update]) -> list[str]:
    return [update.code for update in updates if isinstance(update, Fault)]


async def test_one_request_is_in_flight_and_what_is_said_meanwhile_goes_into_the_next():
    model = Stepped()
    async with consulting(model) as (live, updates):
        await say(live, 1)
        first = await model.asked()
        await say(live, 2, 3, 4)
        assert model.idle
        assert not first.answer.done(), "new words do not cancel it: under steady talk none would ever be answered"
        first.answer.set_result([proposal(1)])
        second = await model.asked()
        assert (first.new, second.new) == (["s1"], ["s2", "s3", "s4"])
        assert second.segments == ["s1", "s2", "s3", "s4"]
        second.answer.set_result([proposal(4)])
        await live.caught_up()
    assert [op.finding.text for u in updates if isinstance(u, ExtractionUpdate) for op in u.operations] == [
        "fact 1",
        "fact 4",
    ]


async def test_the_end_supersedes_a_request_without_the_last_words_and_the_last_pass_reads_its_lines():
    model = Stepped()
    async with consulting(model) as (live, updates):
        await say(live, 1)
        first = await model.asked()
        await say(live, 2)
        finishing = asyncio.create_task(live.finish(grace_s=0.0))
        last = await model.asked()
        assert first.answer.cancelled()
        assert (last.new, last.over) == (["s1", "s2"], True)
        last.answer.set_result([proposal(1), proposal(2)])
        await finishing
    assert len(live.findings.all()) == 2
    assert faults(updates) == []


async def test_a_request_that_answers_within_the_grace_is_not_thrown_away():
    model = Stepped()
    async with consulting(model) as (live, _):
        await say(live, 1)
        first = await model.asked()
        await say(live, 2)
        finishing = asyncio.create_task(live.finish(grace_s=60.0))
        await asyncio.sleep(0)
        first.answer.set_result([proposal(1)])
        last = await model.asked()
        assert (last.new, last.over) == (["s2"], True)
        last.answer.set_result([])
        await finishing
    assert [finding.text for finding in live.findings.all()] == ["fact 1"]


async def test_a_request_with_the_last_words_goes_on_and_then_all_is_read_once_more():
    model = Stepped()
    async with consulting(model) as (live, _):
        await say(live, 1, 2)
        first = await model.asked()
        finishing = asyncio.create_task(live.finish(grace_s=0.0))
        await asyncio.sleep(0)
        first.answer.set_result([proposal(1)])
        review = await model.asked()
        assert (review.segments, review.new, review.over) == (["s1", "s2"], [], True)
        review.answer.set_result([proposal(2)])
        await finishing
        assert model.idle
    assert [finding.text for finding in live.findings.all()] == ["fact 1", "fact 2"]


async def test_the_last_pass_ends_in_bounded_time_and_says_whether_findings_are_missing():
    model = Stepped()
    async with consulting(model) as (live, updates):
        await say(live, 1)
        await live.finish(limit_s=0.05, grace_s=0.0)
        assert faults(updates) == ["extraction_late"]
    model = Stepped()
    async with consulting(model) as (live, updates):
        await say(live, 1)
        (await model.asked()).answer.set_result([proposal(1)])
        await live.caught_up()
        await live.finish(limit_s=0.05, grace_s=0.0)
        review = await model.asked()
        assert faults(updates) == [], "all was read: only the check did not come"
    assert review.answer.cancelled(), "the end of the session frees its place at the server"


async def test_each_update_has_the_next_revision_whether_an_extractor_or_the_clinician_made_it():
    model = Stepped()
    async with consulting(model) as (live, updates):
        await say(live, 1)
        (await model.asked()).answer.set_result([proposal(1), proposal(1)])
        await live.caught_up()
        await say(live, 2)
        (await model.asked()).answer.set_result([proposal(1)])
        await live.caught_up()
        live.judge(lambda findings: findings.confirm("f1"))
        with pytest.raises(KeyError):
            live.judge(lambda findings: findings.dismiss("f9"))
        live.judge(lambda findings: findings.dismiss("f1"))
    revisions = [(u.revision, [o.op for o in u.operations]) for u in updates if isinstance(u, ExtractionUpdate)]
    assert revisions == [(1, ["add"]), (2, ["update"]), (3, ["retract"])], "what changes nothing has no revision"


async def test_a_consultation_without_words_ends_without_a_request():
    model = Stepped()
    async with consulting(model, RulesExtractor()) as (live, _):
        await live.finish()
        assert model.idle


async def test_a_session_that_is_aborted_cancels_its_request():
    model = Stepped()
    async with consulting(model) as (live, _):
        await say(live, 1)
        request = await model.asked()
    assert request.answer.cancelled()


async def test_sessions_that_lost_their_server_do_not_come_back_in_step():
    random.seed(7)
    waits = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    async def fails() -> None:
        raise ExtractionError("down")

    for _ in range(20):
        retrying = Reading(Stepped()).retrying()
        retrying.sleep = note
        retrying.stop = lambda state: state.attempt_number == 12
        with pytest.raises(Exception, match="RetryError"):
            await retrying(fails)
    assert max(waits) <= LAST_BACKOFF_S
    assert len(set(waits)) == len(waits) == 20 * 11
    late = [wait for at, wait in enumerate(waits) if at % 11 == 10]
    assert max(late) - min(late) > LAST_BACKOFF_S / 3


async def test_an_answer_of_no_use_is_asked_for_again_with_less_until_the_segment_at_fault_is_alone():
    model = Stepped()
    asked = []
    async with consulting(model) as (live, updates):
        await say(live, *range(1, 9))
        while len(asked) < 30 and not any("s8" in new and "s3" not in new for new in asked):
            request = await model.asked()
            asked.append(request.new)
            if "s3" in request.new:
                request.answer.set_exception(UnusableAnswer("no JSON"))
            else:
                request.answer.set_result([proposal(int(request.new[0][1:]))])
            for one in live._readings:
                one.hurry.set()  # no waiting in this test
        finishing = asyncio.create_task(live.finish())
        last = await model.asked()
        last.answer.set_result([])
        await finishing
    assert asked[:3] == [[f"s{n}" for n in range(1, 9)], ["s1", "s2", "s3", "s4"], ["s1", "s2"]]
    assert asked.count(["s3"]) == USELESS_ANSWERS
    read = [new for request in asked if "s3" not in request for new in request]
    assert read == ["s1", "s2", "s4", "s5", "s6", "s7", "s8"]
    assert "s3" in last.segments, "the last pass reads it again"
    assert last.over
    assert set(faults(updates)) == {"extraction_unavailable"}


async def test_an_answer_that_is_late_is_asked_for_again_with_less_and_no_segment_is_passed_over():
    model = Stepped()
    asked = []
    async with consulting(model) as (live, updates):
        await say(live, *range(1, 9))
        while len(asked) < 10:
            request = await model.asked()
            asked.append(len(request.new))
            if len(asked) > 7:
                request.answer.set_result([])
            else:
                request.answer.set_exception(LateAnswer("late"))
            live._readings[0].hurry.set()  # no waiting in this test
    assert asked == [8, 4, 2, 1, 1, 1, 1, 1, 2, 4]
    assert [u.outcome for u in updates if isinstance(u, Extracted)][:8] == ["late"] * 7 + ["answered"]
    assert faults(updates) == ["extraction_unavailable"]


async def test_after_an_outage_what_was_read_before_the_next_failure_is_not_read_again():
    model = Stepped()
    texts = [Segment(f"s{n}", "patient", n, n + 1.0, "pain " * 250, final=True) for n in range(1, 6)]
    async with consulting(model) as (live, _):
        for segment in texts:
            await live.add(segment, Timings())
        first = await model.asked()
        assert first.new == ["s1", "s2"]
        first.answer.set_result([])
        second = await model.asked()
        assert (second.new, second.segments) == (["s3", "s4"], ["s1", "s2", "s3", "s4"])
        second.answer.set_exception(ExtractionError("down"))
        live._readings[0].hurry.set()
        assert (await model.asked()).new == ["s3", "s4"]


async def test_an_outage_names_who_finds_meanwhile_and_only_those_who_read_the_language():
    messages = {}
    for language in ("en", "de"):
        model = Stepped()
        async with consulting(RulesExtractor(), model, language=language) as (live, updates):
            await say(live, 1)
            (await model.asked()).answer.set_exception(ExtractionError("no answer: start it"))
            await until(lambda updates=updates: bool(updates))
        [fault] = [update for update in updates if isinstance(update, Fault)]
        messages[language] = fault.message
    assert messages["en"] == "no answer: start it; findings come from the rules meanwhile"
    assert messages["de"] == "no answer: start it"


async def test_a_language_that_nobody_reads_is_told_once_and_has_no_findings():
    async with consulting(RulesExtractor(), language="de") as (live, updates):
        await live.add(Segment("s1", "patient", 0.0, 2.0, "Ich habe fever und pain in der Hand.", True), Timings())
        await live.add(Segment("s2", "patient", 2.0, 4.0, "No cough, I take aspirin.", True), Timings())
        await live.finish()
    assert faults(updates) == ["language_without_findings"]
    assert live.findings.all() == []
    [told] = [update for update in updates if not isinstance(update, Extracted)]
    assert "(de)" in told.message
    assert "--vllm-url" in told.message
    assert "fever" not in told.message


async def test_a_model_reads_a_language_that_the_rules_do_not():
    model = Stepped()
    async with consulting(RulesExtractor(), model, language="de") as (live, updates):
        await say(live, 1)
        (await model.asked()).answer.set_result([proposal(1)])
        await live.caught_up()
    assert faults(updates) == []
    assert len(live.findings.all()) == 1


async def test_the_rules_need_no_second_reading():
    class Counted(RulesExtractor):
        calls = 0

        async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
            self.calls += 1
            return await super().extract(consultation)

    rules = Counted()
    async with consulting(rules) as (live, _):
        await live.add(Segment("s1", "patient", 0.0, 2.0, "I have a headache.", True), Timings())
        await live.finish()
        await live.finish()
    assert rules.calls == 1
    assert [finding.text for finding in live.findings.all()] == ["headache"]


def foreign(id_: str, text: str, language: str = "es") -> Segment:
    return Segment(id_, "patient", 4.0, 6.0, text, True, language=language)


async def test_the_rules_do_not_read_what_is_said_in_another_language_and_the_client_is_told_once():
    async with consulting(RulesExtractor()) as (live, updates):
        await live.add(Segment("s1", "patient", 0.0, 2.0, "I have a headache.", True), Timings())
        await live.add(foreign("s2", "Tengo fever, I take aspirin."), Timings())
        await live.add(foreign("s3", "I have chest pain."), Timings())
        await live.add(Segment("s4", "patient", 8.0, 9.0, "I have a cough too.", True), Timings())
        await live.finish()
    assert {finding.text for finding in live.findings.all()} == {"headache", "cough"}
    assert faults(updates) == ["language_without_findings"]
    [told] = [update for update in updates if isinstance(update, Fault)]
    assert "(es)" in told.message


async def test_the_rules_read_the_english_of_a_session_that_began_in_another_language():
    async with consulting(RulesExtractor(), language="es") as (live, _):
        await live.add(Segment("s1", "patient", 0.0, 2.0, "Tengo fever.", True), Timings())
        await live.add(foreign("s2", "I have a headache.", "en"), Timings())
        await live.finish()
    assert {finding.text for finding in live.findings.all()} == {"headache"}


async def test_a_model_reads_a_consultation_that_changes_its_language_whole():
    class Listening(Stepped):
        async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
            self.last = consultation
            return []

    model = Listening()
    async with consulting(model) as (live, updates):
        await say(live, 1)
        await live.add(foreign("s2", "Tengo tos."), Timings())
        await live.finish()
    assert [segment.text for segment in model.last.segments] == ["sentence 1", "Tengo tos."]
    assert model.last.language == "es"
    assert faults(updates) == []


async def test_finals_leave_nothing_to_the_collector():
    rules = RulesExtractor()
    async with consulting(rules) as (live, _):
        await say(live, *range(1, 6))
        await live.caught_up()
        gc.collect()
        gc.disable()
        try:
            for number in range(6, 56):
                await say(live, number)
                await live.caught_up()
            assert gc.collect() < 50  # less than one object of a final
        finally:
            gc.enable()
