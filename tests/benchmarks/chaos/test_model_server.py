"""The model server that can be killed."""

import pytest

from benchmarks.chaos.model_process import ModelProcess
from benchmarks.chaos.model_server import operations
from inference.extraction import ExtractionError, ExtractionRequest
from inference.extraction.llm.client import VllmExtractor
from inference.extraction.llm.prompt import prompts
from inference.transcript import Segment

SAID = ("one two three", "take it with some food", "take 3 of them each day", "call us if it gets worse")
SEGMENTS = [Segment(f"s{n}", "unknown", n, n + 1, text, True) for n, text in enumerate(SAID, 1)]


def test_it_finds_advice_in_the_new_lines_of_a_prompt_and_the_same_each_time():
    def found(new_from: int) -> list[tuple[str, str]]:
        [prompt] = prompts(ExtractionRequest(SEGMENTS, new_from, []), 100_000)
        return [(op["evidence"][0]["segment"], op["text"]) for op in operations(prompt.messages[1]["content"])]

    assert found(0) == [("s2", "take it with some"), ("s4", "call us if it")]
    assert found(2) == [("s4", "call us if it")]
    assert operations("no prompt at all") == []


async def test_the_real_client_reads_its_answers_and_notices_that_it_is_killed_and_back():
    with ModelProcess() as model:
        await model.ready()
        extractor = VllmExtractor(model.url, None, None)
        await extractor.start()
        proposals = await extractor.extract(ExtractionRequest(SEGMENTS, 0, []))
        assert [proposal.text for proposal in proposals] == ["take it with some", "call us if it"]
        model.kill()
        with pytest.raises(ExtractionError):
            await extractor.check()
        model.start()
        await model.ready()
        await extractor.check()
        await extractor.close()


async def test_a_model_server_that_does_not_start_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("benchmarks.chaos.model_process.SCRIPT", "false")
    with ModelProcess(tmp_path) as model, pytest.raises(SystemExit, match="ended before it was ready"):
        await model.ready()
