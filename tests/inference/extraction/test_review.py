"""What was said and stands in no finding is offered at the end, and nothing depends on that."""

import asyncio
from collections.abc import Sequence

import pytest

from inference.extraction import ExtractionError, ExtractionRequest, Heard, Listed
from inference.extraction.live import LiveExtraction
from inference.extraction.rules.engine import RulesExtractor
from inference.findings import Omission, Proposal, Quote
from inference.timing import Timings
from inference.updates import Fault, Omissions, Update
from tests.support.consultation import segments
from tests.support.live import until

TALK = (
    "D: What brings you in today?",
    "P: I have had a headache since Monday.",
    "D: Any fever?",
    "P: No, no fever.",
    "P: I take ramipril 5 mg every morning.",
)


def fact(text: str, quote: str, segment: str = "s2", status: str = "present", source: str = "model") -> Proposal:
    return Proposal("symptom", text, (Quote(segment, quote),), source, status)


class Lists:
    """Finds nothing while people speak, and lists at the end what it is given; or fails, or waits."""

    languages = ("en",)

    def __init__(self, listed: Listed | Exception | None = None, name: str = "vllm") -> None:
        self.name = name
        self.listed = listed
        self.asked: list[ExtractionRequest] = []
        self.go = asyncio.Event()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
        return []

    async def list_facts(self, consultation: ExtractionRequest) -> Listed:
        self.asked.append(consultation)
        if self.listed is None:
            await self.go.wait()
            return Listed([fact("headache", "a headache")])
        if isinstance(self.listed, Exception):
            raise self.listed
        return self.listed


class Consultation:
    def __init__(self, *extractors: object) -> None:
        self.updates: list[Update] = []
        self.live = LiveExtraction(extractors, self.updates.append)

    async def hear(self, lines: Sequence[str] = TALK) -> "Consultation":
        running = asyncio.create_task(self.live.run())
        for segment in segments(*lines):
            await self.live.add(segment, Timings())
        await self.live.finish()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return self

    async def offered(self, **options: object) -> tuple[Omission, ...]:
        await self.live.compare(asked=True, **options)
        return self.told[-1].items

    @property
    def told(self) -> list[Omissions]:
        return [update for update in self.updates if isinstance(update, Omissions)]


def texts(items: Sequence[Omission]) -> list[tuple[str, str]]:
    return [(item.text, item.status) for item in items]


async def test_what_the_rules_found_while_people_spoke_is_not_offered_and_what_is_missing_is_with_its_words():
    heard = await Consultation(RulesExtractor()).hear()
    assert await heard.offered() == ()
    del heard.live.findings._live[next(f.id for f in heard.live.findings.all() if f.text == "fever")]
    del heard.live.findings._live[next(f.id for f in heard.live.findings.all() if f.text == "ramipril")]
    items = await heard.offered()
    assert texts(items) == [("fever", "absent"), ("ramipril", "present")]
    assert [evidence.quote for evidence in items[0].evidence] == ["no fever"]
    assert items[1].attributes["dose"] == "5 mg"


async def test_the_facts_of_a_model_are_checked_like_its_findings_and_compared_with_the_note():
    listed = Listed(
        [
            fact("headache", "a headache since Monday"),
            fact("dizziness", "I feel dizzy"),  # nobody said it
            fact("ramipril 50 mg", "I take ramipril 5 mg", "s5"),  # the number was not said
            fact("fever", "no fever", "s4", "absent"),
        ]
    )
    heard = await Consultation(Lists(listed)).hear()
    items = await heard.offered()
    assert texts(items) == [("headache", "present"), ("fever", "absent")]
    assert all(item.source == "model" for item in items)


async def test_the_extractor_is_given_every_final_and_what_it_does_not_read_is_empty():
    lister = Lists(Listed())
    heard = Consultation(lister)
    heard.live.language = "de"
    await heard.hear()
    await heard.offered()
    assert [request.new_from for request in lister.asked] == [0]
    assert {segment.text for segment in lister.asked[0].segments} == {""}


async def test_what_was_dismissed_corrected_or_taken_back_in_words_is_not_offered_again():
    heard = await Consultation(RulesExtractor()).hear(
        (*TALK, "D: I will start you on ibuprofen 400 mg.", "D: Actually no, do not take ibuprofen.")
    )
    assert "ibuprofen" not in [finding.text for finding in heard.live.findings.all()]
    ids = {finding.text: finding.id for finding in heard.live.findings.all()}
    heard.live.judge(lambda findings: findings.dismiss(ids["headache"]))
    heard.live.judge(lambda findings: findings.edit(ids["ramipril"], {"text": "lisinopril"}))
    assert await heard.offered() == ()


async def test_one_that_was_left_out_is_not_offered_again_and_keeps_its_id():
    heard = await Consultation(Lists(Listed([fact("headache", "a headache"), fact("fever", "no fever", "s4")]))).hear()
    first, second = await heard.offered()
    heard.live.leave_out(first.id, request=7)
    assert heard.told[-1] == Omissions((second,), (first.id,), 7)
    assert await heard.offered() == (second,)


@pytest.mark.parametrize("error", [ExtractionError("the server is away"), ValueError("a patient's words")])
async def test_a_failure_costs_the_comparison_alone_and_is_logged_without_a_word(error, caplog):
    heard = await Consultation(RulesExtractor(), Lists(error)).hear()
    assert await heard.offered() == ()
    assert not [update for update in heard.updates if isinstance(update, Fault)]
    assert "a patient's words" not in caplog.text


async def test_a_comparison_that_cannot_be_sent_ends_nothing(caplog):
    def emit(update: Update) -> None:
        raise RuntimeError("a patient's words")

    live = LiveExtraction([Lists(Listed([fact("headache", "a headache")]))], emit)
    await live.add(segments(*TALK)[1], Timings())
    with live.apart:
        await live.compare(asked=True)
    with live.apart:
        live.leave_out("o-s1-0")
    assert "RuntimeError" in caplog.text
    assert "words" not in caplog.text


async def test_a_late_extractor_is_not_waited_for_and_what_it_finds_is_told_when_it_comes():
    lister = Lists()
    heard = await Consultation(lister).hear()
    assert await heard.offered(limit_s=0.01) == ()
    lister.go.set()
    await until(lambda: len(heard.told) == 2)
    assert texts(heard.told[1].items) == [("headache", "present")]
    assert await heard.offered() == heard.told[1].items
    assert len(lister.asked) == 1  # the same finals are not asked about twice


async def test_where_nothing_is_missing_only_one_who_asks_is_told_so():
    heard = await Consultation(RulesExtractor()).hear()
    await heard.live.compare()
    assert heard.told == []
    assert await heard.offered(request=3) == ()
    assert heard.told[-1].request == 3


async def test_sentences_that_no_fact_was_made_of_are_offered_as_they_were_heard_unless_their_words_are_noted():
    whole = Proposal("symptom", "I have had a headache since Monday", (Quote("s2", TALK[1][3:-1]),), "rules")
    unnoted = Heard(whole, (Quote("s2", "a headache"),))
    heard = await Consultation(Lists(Listed(sentences=[unnoted]), "rules")).hear()
    (item,) = await heard.offered()
    assert item.text == item.evidence[0].quote == "I have had a headache since Monday"
    named = await Consultation(Lists(Listed([fact("headache", "a headache")], [unnoted]))).hear()
    assert texts(await named.offered()) == [("headache", "present")]


async def test_quotes_prove_a_finding_of_the_clinicians_own_only_if_each_of_them_was_said():
    heard = await Consultation().hear()
    proof = heard.live.prove([Quote("s2", "a headache"), Quote("s4", "no fever")])
    assert proof is not None
    assert [one.quote for one in proof] == ["a headache", "no fever"]
    assert heard.live.prove([Quote("s2", "a headache"), Quote("s2", "a migraine")]) is None
