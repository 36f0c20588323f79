"""The real engines behind the real server: Silero, Whisper base and the rules, on the sample consultation."""

import asyncio
import gc
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inference.asr.hypothesis import Hypothesis
from inference.asr.whisper import WhisperAsr
from inference.config import EngineConfig
from inference.extraction.llm.client import VllmExtractor
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from server.sessions import garbage
from tests.support.fakes import LevelAsr, LoudnessVad, speech
from tests.support.live import serving
from tests.support.speech import chunks, pcm

REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "consultation.json").read_text())["utterances"]
SECONDS = 24
"""Of the sample in the tests that compare runs: four turns, enough for several finals."""


def real(vad, asr: WhisperAsr) -> Pipeline:
    return Pipeline(vad, asr, [RulesExtractor()], EngineConfig())


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def error_rate(reference: list[str], heard: list[str]) -> float:
    """Word error rate by Levenshtein distance."""
    row = list(range(len(heard) + 1))
    for i, expected in enumerate(reference, 1):
        row, above = [i], row
        for j, got in enumerate(heard, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (expected != got)))
    return row[-1] / len(reference)


async def talk(client, data: bytes, chunk_bytes: int = 96_000) -> None:
    for chunk in chunks(data, chunk_bytes):
        await client.say(chunk)


async def test_the_sample_is_transcribed_and_its_findings_are_proved_by_its_words(vad, base, consultation, caplog):
    caplog.set_level("DEBUG")
    async with serving(real(vad, base)) as server, server.connect() as client:
        await client.start()
        for chunk in chunks(pcm(consultation), 96_000):  # at the pace of the server: each chunk gets its partial
            await client.say(chunk)
            await client.hear("progress")
        stopped = await client.finish()
    reference = words(" ".join(utterance["text"] for utterance in REFERENCE))
    heard = words(" ".join(text for *_, text in client.finals()))
    assert error_rate(reference, heard) < 0.12
    finals = {
        event["segment"]["id"]: event["segment"]
        for event in client.events
        if event["type"] == "transcript" and event["segment"]["final"]
    }
    findings = {}
    for event in client.events:
        if event["type"] == "extraction":
            for op in event["ops"]:
                findings[op["finding"]["id"]] = op["finding"] if op["op"] != "retract" else None
    findings = {key: value for key, value in findings.items() if value}
    assert len(findings) == stopped["findings"]
    for finding in findings.values():
        assert finding["evidence"]
        for quote in finding["evidence"]:
            segment = finals[quote["segment"]]
            assert segment["text"][quote["start"] : quote["end"]] == quote["quote"]
            assert segment["start"] - 0.01 <= quote["from_s"] <= quote["to_s"] <= segment["end"] + 0.5
    facts = {(f["kind"], f["text"].lower(), f["status"]) for f in findings.values()}
    symptoms = {(text, status) for kind, text, status in facts if kind in ("symptom", "chief_complaint")}
    assert ("fever", "absent") in symptoms
    assert any("throat" in text and status == "present" for text, status in symptoms)
    assert any(kind == "allergy" and "penicillin" in text for kind, text, _ in facts)
    (paracetamol,) = [f for f in findings.values() if "paracetamol" in f["text"].lower()]
    assert paracetamol["kind"] in ("medication", "order")
    assert "500" in paracetamol["attributes"]["dose"]
    assert any(kind == "family_history" for kind, *_ in facts)
    logged = " ".join(record.getMessage() for record in caplog.records).lower()
    assert not [word for word in ("throat", "fever", "penicillin", "paracetamol", "diabetes") if word in logged]
    partials = [event for event in client.events if event["type"] == "transcript" and not event["segment"]["final"]]
    assert partials, "text comes while they speak"
    assert sum(len(segment["words"]) for segment in finals.values()) == pytest.approx(len(heard), rel=0.1)


async def test_spanish_in_a_session_that_was_declared_english_is_written_in_spanish_and_told(
    vad, base, sentence, spanish
):
    rest = np.zeros(20_000, np.float32)
    async with serving(real(vad, base)) as server, server.connect() as client:
        await client.start(language="en")
        await talk(client, pcm(np.concatenate([rest, sentence, rest, spanish, rest, sentence, rest])))
        await client.finish()
    segments = [event["segment"] for event in client.events if event["type"] == "transcript"]
    written = [(s.get("language", "en"), s["text"]) for s in segments if s["final"]]
    assert [language for language, _ in written] == ["en", "es", "en"]
    assert len(set(words(written[1][1])) & {"deber", "hacer", "sangre", "esta", "semana", "mirar", "vez"}) >= 4
    assert not any("blood" in segment["text"].lower() for segment in segments)
    notices = [event for event in client.events if event["type"] == "notice"]
    assert [event["code"] for event in notices] == ["language_changed"] * 2
    assert "Spanish" in notices[0]["message"]
    errors = [event["code"] for event in client.events if event["type"] == "error"]
    assert errors == ["language_without_findings"]


async def test_noise_gives_no_word_and_no_finding(vad, base, noise):
    async with serving(real(vad, base)) as server, server.connect() as client:
        await client.start()
        await talk(client, pcm(noise) * 3)
        stopped = await client.finish()
    assert (stopped["segments"], stopped["findings"]) == (0, 0)
    assert not any(event["type"] == "transcript" for event in client.events)


async def test_chunks_of_100_ms_and_of_3_s_and_two_sessions_at_once_give_the_same_finals(vad, tiny, consultation):
    data = pcm(consultation[: SECONDS * 16_000])
    other = pcm(consultation[SECONDS * 16_000 : 2 * SECONDS * 16_000])
    async with serving(real(vad, tiny)) as server:

        async def run(audio: bytes, chunk_bytes: int) -> list[tuple[str, float, float, str]]:
            async with server.connect() as client:
                await client.start()
                await talk(client, audio, chunk_bytes)
                await client.finish()
                return client.finals()

        coarse, alone = await run(data, 96_000), await run(other, 96_000)
        fine, beside = await asyncio.gather(run(data, 3_200), run(other, 48_000))
    assert fine == coarse != []
    assert beside == alone != []


async def test_a_connection_lost_in_the_middle_of_a_word_changes_no_final_and_doubles_no_event(vad, tiny, consultation):
    data = pcm(consultation[: SECONDS * 16_000])
    at = 2 * int((REFERENCE[1]["start"] + 1.03) * 16_000)  # inside "throat"
    async with serving(real(vad, tiny)) as server:
        async with server.connect() as whole:
            await whole.start()
            await talk(whole, data)
            await whole.finish()
        async with server.connect() as first:
            started = await first.start()
            await talk(first, data[:at])
            await first.hear("progress")
            first.ws._response.close()  # no close frame: the network is gone
        async with server.connect() as second:
            await second.say(
                {
                    "type": "resume_session",
                    "session_id": started["session_id"],
                    "resume_token": started["resume_token"],
                    "last_seq": first.events[-1]["seq"],
                }
            )
            resumed = await second.hear("session_resumed")
            await talk(second, data[2 * resumed["received_samples"] :])
            await second.finish()
    first.events += second.events[1:]
    assert [event["seq"] for event in first.events] == list(range(1, len(first.events) + 1))
    assert first.finals() == whole.finals() != []


@pytest.fixture
def collector() -> Iterator[None]:
    """Puts Python's collector back to what a test run needs."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


async def test_the_event_loop_is_never_held_for_more_than_50_ms_under_4_sessions(
    vad, tiny, consultation, caplog, collector
):
    """asyncio's debug mode logs every callback that is slower than `slow_callback_duration`.

    What holds the loop does so in every round; another process that takes the processor does not.
    """
    data = pcm(consultation[: SECONDS * 16_000])
    async with serving(real(vad, tiny)) as server:
        garbage.settle()  # as `drtranscribe serve` does: a full collection of a test run's objects takes 200 ms
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = 0.05
        loop.set_debug(True)

        async def run() -> int:
            async with server.connect() as client:
                await client.start()
                await talk(client, data)
                return (await client.finish())["segments"]

        for _ in range(3):
            caplog.clear()
            with caplog.at_level("WARNING", logger="asyncio"):
                segments = await asyncio.gather(*(run() for _ in range(4)))
            assert len(set(segments)) == 1
            assert segments[0] > 0
            slow = [record.getMessage() for record in caplog.records if "took" in record.getMessage()]
            if not slow:
                break
        loop.set_debug(False)
    assert slow == []


class Telling(LevelAsr):
    """Says one sentence to every span."""

    def transcribe(self, requests, mels=None):
        return [Hypothesis("I have a bad headache.", "en") for _ in requests]


async def test_a_dead_vllm_address_costs_no_transcript_and_the_rules_go_on():
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        pipeline = Pipeline(LoudnessVad(), Telling(), [RulesExtractor(), VllmExtractor(address, timeout_s=5)])
        async with serving(pipeline) as server, server.connect() as client:
            started = await client.start()
            await client.say(speech((1.0, 0.5), (2.0, 0)))
            stopped = await client.finish()
    assert started["models"]["extraction"] == "rules+vllm"
    assert stopped["segments"] == 1
    (error,) = [event for event in client.events if event["type"] == "error"]
    assert (error["code"], error["fatal"]) == ("extraction_unavailable", False)
    assert "--vllm-url" in error["message"]
    assert "headache" not in error["message"]
    findings = [op["finding"] for event in client.events if event["type"] == "extraction" for op in event["ops"]]
    assert [(f["text"], f["status"], f["source"]) for f in findings] == [("headache", "present", "rules")]
