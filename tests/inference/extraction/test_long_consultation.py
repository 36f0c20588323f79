"""An hour of talk through a window of 2,048 tokens: the server counts, and refuses what does not fit, as vLLM does."""

import asyncio
import itertools
import random
import re

from aiohttp import web

from inference.extraction import Patient
from inference.extraction.live import LiveExtraction
from inference.extraction.llm.client import VllmExtractor
from inference.timing import Timings
from inference.transcript import Segment, Speaker
from inference.updates import Fault
from tests.support.model_server import addition, completion, serving_model, tokens

WINDOW = 2_112
SYMPTOMS = ("cough", "rash", "headache", "dizziness", "nausea", "cramps", "itching", "earache", "fatigue", "hiccups")
SMALL_TALK = (
    "and the weather was bad that week, so we stayed at home for most of it",
    "my daughter came over with the children, and they were loud as ever",
    "I walked to the shop in the morning and came back by bus",
    "the pharmacy on the corner has closed, so I go to the other one now",
)
LINE = re.compile(r"^(s\d+) (?:patient|clinician): (.*)$", re.MULTILINE)


def hour(words: tuple[str, ...] = SMALL_TALK) -> list[Segment]:
    """3,600 s of speech: a segment of some five seconds each, now and then with a symptom that was not named before."""
    rng = random.Random(3)
    segments: list[Segment] = []
    fresh = iter(f"{symptom} number {n}" for n in range(1, 5) for symptom in SYMPTOMS)
    while not segments or segments[-1].end < 3_600:
        number = len(segments) + 1
        begin = segments[-1].end if segments else 0.0
        text = f"I had {next(fresh)}, " if number % 18 == 1 else ""
        speaker: Speaker = "patient" if text or number % 2 else "clinician"
        segments.append(Segment(f"s{number}", speaker, begin, begin + 5.0, text + rng.choice(words), final=True))
    return segments


class Windowed:
    """Names each symptom of the new lines once, refuses a prompt beyond the window, keeps what it read."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.prompts: list[str] = []
        self.refused = 0

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        if tokens(body) + body["max_tokens"] > self.window:
            self.refused += 1
            message = f"This model's maximum context length is {self.window} tokens. However, you requested more."
            return web.json_response({"error": {"message": message}}, status=400)
        prompt = body["messages"][1]["content"]
        self.prompts.append(prompt)
        read = dict(LINE.findall(prompt))
        found = [
            addition(identifier, said[1], text=said[1])
            for identifier in new_lines(prompt)
            if (said := re.search(r"I had (\w+ number \d+)", read[identifier]))
        ]
        return web.json_response(completion({"operations": found}))


def new_lines(prompt: str) -> list[str]:
    span = re.search(r"^New lines: s(\d+) to s(\d+)$", prompt, re.MULTILINE)
    return [f"s{number}" for number in range(int(span[1]), int(span[2]) + 1)] if span else []


async def read(
    segments: list[Segment], language: str = "en", at_once: int = 1, window: int = WINDOW
) -> tuple[Windowed, LiveExtraction]:
    model, updates = Windowed(window), []
    async with serving_model(model.answer) as server:
        listed = {"data": [{"id": "small", "max_model_len": window}]}

        async def models(_: web.Request) -> web.Response:
            return web.json_response(listed)

        server.models = models
        extractor = VllmExtractor(server.url)
        live = LiveExtraction([extractor], updates.append, Patient(age=70, history="hypertension"), language)
        running = asyncio.create_task(live.run())
        for first in range(0, len(segments), at_once):
            for segment in segments[first : first + at_once]:
                await live.add(segment, Timings())
            await live.caught_up(limit_s=60)
        await live.finish(limit_s=60)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await extractor.close()
    assert [update for update in updates if isinstance(update, Fault)] == []
    return model, live


async def test_an_hour_fits_a_small_window_and_each_segment_is_sent_once_as_new():
    segments = hour()
    model, live = await read(segments)
    assert model.refused == 0
    assert [new for prompt in model.prompts for new in new_lines(prompt)] == [segment.id for segment in segments]
    texts = {segment.id: segment.text for segment in segments}
    for prompt in model.prompts:
        shown = LINE.findall(prompt)
        assert [texts[identifier] for identifier, _ in shown] == [text for _, text in shown]
        numbers = [int(identifier[1:]) for identifier, _ in shown]
        assert numbers == list(range(numbers[0], numbers[-1] + 1)), "a gap among the lines"
    named = [segment for segment in segments if "I had" in segment.text]
    findings = live.findings.all()
    assert len(findings) == len(named) == 40
    assert [finding.id for finding in findings] == [f"f{n}" for n in range(1, 41)]
    assert [finding.evidence[0].segment for finding in findings] == [segment.id for segment in named]
    assert "The consultation is over." in model.prompts[-1]


async def test_facts_whose_lines_have_left_stay_in_the_prompt_with_the_words_that_prove_them():
    model, _ = await read(hour()[:100])
    late = model.prompts[-1]
    assert "s1 patient:" not in late
    assert '\nf1 symptom present: cough number 1 - s1 "cough number 1"\n' in late


async def test_lines_leave_many_at_a_time_so_that_the_prefix_stays():
    model, _ = await read(hour(), window=4 * WINDOW)
    folds = 0
    for earlier, later in itertools.pairwise(model.prompts):
        shown = earlier.split("Findings so far:")[0]
        same = LINE.findall(later)[0] == LINE.findall(earlier)[0]
        assert later.startswith(shown) == same
        folds += not same
    assert 2 <= folds <= len(model.prompts) / 50


async def test_after_an_outage_of_an_hour_everything_is_read_in_pieces_that_fit():
    segments = hour()
    model, live = await read(segments, at_once=len(segments))
    assert model.refused == 0
    assert [new for prompt in model.prompts for new in new_lines(prompt)] == [segment.id for segment in segments]
    assert len(live.findings.all()) == 40


async def test_a_language_with_more_tokens_to_the_byte_is_refused_once_and_then_fits():
    segments = hour(("6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3",))[:200]
    model, live = await read(segments, language="xx")
    assert 1 <= model.refused <= 2
    assert [new for prompt in model.prompts for new in new_lines(prompt)] == [segment.id for segment in segments]
    assert len(live.findings.all()) == sum("I had" in segment.text for segment in segments)
