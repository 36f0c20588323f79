"""The model lists the facts of a consultation, over real HTTP."""

import json
from itertools import pairwise

import pytest

from inference.extraction import ExtractionError, ExtractionRequest, UnusableAnswer
from inference.extraction.llm.client import VllmExtractor
from inference.extraction.llm.listing import CONTEXT, FACTS_SCHEMA, MOST_FACTS, listings, read_facts
from inference.extraction.llm.prompt import NEW_BYTES
from tests.support.consultation import segments
from tests.support.model_server import as_json, completion, serving_model

TALK = ExtractionRequest(segments("D: Any fever?", "P: No, none. I take ramipril."), 0, ())
FACT = {
    "evidence": [{"segment": "s1", "quote": "Any fever?"}, {"segment": "s2", "quote": "No, none"}],
    "kind": "symptom",
    "text": "fever",
    "status": "absent",
    "temporality": "current",
    "experiencer": "patient",
}


async def test_the_facts_come_with_the_quotes_as_the_model_wrote_them_under_a_schema_of_their_own():
    async with serving_model(lambda _: as_json(completion({"facts": [FACT]}))) as server:
        extractor = VllmExtractor(server.url)
        listed = await extractor.list_facts(TALK)
        await extractor.close()
    (body,) = server.bodies
    assert body["response_format"]["json_schema"]["schema"] == FACTS_SCHEMA
    assert "s2 patient: No, none. I take ramipril." in body["messages"][1]["content"]
    (proposal,) = listed.facts
    assert (proposal.text, proposal.status, proposal.source) == ("fever", "absent", "model")
    assert [(quote.segment, quote.text) for quote in proposal.quotes] == [("s1", "Any fever?"), ("s2", "No, none")]


async def test_an_answer_that_was_cut_off_counts_up_to_its_last_whole_fact():
    text = json.dumps({"facts": [FACT, FACT, FACT]})[:-30]
    async with serving_model(lambda _: as_json(completion(text, "length"))) as server:
        extractor = VllmExtractor(server.url)
        assert len((await extractor.list_facts(TALK)).facts) == 2
        await extractor.close()


async def test_a_server_that_fails_is_an_extraction_error():
    async with serving_model(lambda _: as_json({"error": "out"}, 500)) as server:
        extractor = VllmExtractor(server.url)
        extractor._client = extractor._client.with_options(max_retries=0)
        with pytest.raises(ExtractionError):
            await extractor.list_facts(TALK)
        await extractor.close()


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no",
        '{"facts": 3}',
        json.dumps({"facts": [FACT | {"status": "maybe"}]}),
        json.dumps({"facts": [FACT], "x": 1}),
    ],
)
def test_an_answer_that_breaks_the_schema_is_unusable_and_its_words_are_not_repeated(answer):
    with pytest.raises(UnusableAnswer) as error:
        read_facts(answer)
    assert "fever" not in str(error.value)
    assert FACTS_SCHEMA["properties"]["facts"]["maxItems"] == MOST_FACTS


def test_a_long_consultation_is_asked_about_in_parts_that_miss_no_line_and_know_the_lines_before():
    said = segments(*(f"P: Line number {number} about {'x' * 200}." for number in range(60)))
    contents = [messages[1]["content"] for messages in listings(ExtractionRequest(said, 0, ()))]
    assert len(contents) > 3
    tasks = [content.rpartition("List the facts of the lines ")[2].rstrip(".\n").split(" to ") for content in contents]
    assert tasks[0][0] == "s1"
    assert tasks[-1][1] == "s60"
    assert all(int(after[0][1:]) == int(before[1][1:]) + 1 for before, after in pairwise(tasks))
    assert f"\ns{int(tasks[1][0][1:]) - CONTEXT} patient:" in contents[1]
    assert max(len(content) for content in contents) < NEW_BYTES + (CONTEXT + 1) * 300
    assert list(listings(ExtractionRequest((), 0, ()))) == []
