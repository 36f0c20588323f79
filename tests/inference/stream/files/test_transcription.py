"""One recording through the engines of a pipeline, beside live sessions."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from inference.batching.waiting import FILE_SHARE
from inference.config import SAMPLE_RATE
from inference.pipeline import Pipeline
from inference.stream import Control, StreamOptions
from inference.stream.files.cutting import REST_S, SHORT_S
from inference.stream.files.transcription import FileFailed, FileSegment
from inference.terms.vocabulary import Term, Vocabulary
from inference.timing import Timings
from inference.updates import TranscriptUpdate
from tests.support.fakes import ONE_PAUSE, LevelAsr, LoudnessVad, speech
from tests.support.live import until
from tests.support.speech import chunks, pcm

WORDS = [(1.0 + number % 3, 0.2 + 0.01 * number) for number in range(60)]
SAID = speech(*(part for word in WORDS for part in (word, (REST_S + 0.5, 0))))
"""The words stand apart, so that each is a span of its own in a recording too."""


async def pieces(data: bytes, seconds: float = 10.0):
    for piece in chunks(data, int(seconds * SAMPLE_RATE) * 2):
        yield piece


async def transcribed(pipeline: Pipeline, data: bytes, speakers=("unknown",), **options) -> list[FileSegment]:
    found: list[FileSegment] = []

    async def tell(segments):
        found.extend(segments)

    await pipeline.open_file("file", speakers, options.pop("language", "en"), **options).run(pieces(data), tell)
    return found


async def live(pipeline: Pipeline, data: bytes) -> list:
    updates: list = []
    stream = pipeline.open("live", StreamOptions(), updates.append)
    async with asyncio.TaskGroup() as group:
        group.create_task(stream.run())
        for chunk in chunks(data, 96_000):
            await stream.feed(chunk, Timings())
        await stream.control(Control("stop"))
    return [u.segment for u in updates if isinstance(u, TranscriptUpdate) and u.segment.final]


async def test_words_that_stand_apart_are_the_segments_that_a_live_session_writes_of_them():
    pipeline = Pipeline(LoudnessVad(), LevelAsr(), [], ONE_PAUSE)
    found = [one.segment for one in await transcribed(pipeline, SAID)]
    heard = await live(pipeline, SAID)
    assert len(found) == len(WORDS)
    assert [(s.start, s.end, s.text) for s in found] == [(s.start, s.end, s.text) for s in heard]
    await pipeline.close()


async def test_several_spans_of_one_recording_are_decoded_in_one_batch():
    asr, sizes = LevelAsr(), []
    pipeline = Pipeline(LoudnessVad(), asr, [], ONE_PAUSE, observe_batch=sizes.append)
    asr.go.clear()
    reading = asyncio.create_task(transcribed(pipeline, SAID))
    await until(lambda: len(pipeline.asr.queue._queue) > 2)
    asr.go.set()
    await reading
    assert max(sizes) > 1
    await pipeline.close()


async def test_how_far_a_recording_has_come_is_told_with_each_stretch():
    pipeline, told = Pipeline(LoudnessVad(), LevelAsr(), [], ONE_PAUSE), []
    recording = pipeline.open_file("file", ("unknown",), "en")

    async def tell(segments):
        told.append((segments[-1].segment.end if segments else 0.0, recording.told_s))

    await recording.run(pieces(SAID), tell)
    assert len(told) > 3
    assert all(end <= told_s + 0.01 for end, told_s in told)
    assert [told_s for _, told_s in told] == sorted(told_s for _, told_s in told)
    assert 0 < told[0][1] < told[-1][1] <= recording.audio_s
    await pipeline.close()


async def test_while_sessions_are_live_the_spans_of_a_recording_are_divided_and_hold_the_same_speech():
    parts = [(2.0, 0.3), (0.6, 0), (2.5, 0.4), (0.6, 0), (3.0, 0.5), (0.6, 0), (3.5, 0.6), (0.6, 0), (2.0, 0.7)]
    data, lengths = speech(*parts, (1.0, 0)), []
    for busy in (False, True):
        asr = LevelAsr()
        pipeline = Pipeline(LoudnessVad(), asr, [], ONE_PAUSE)
        if busy:
            await live(pipeline, speech((1.0, 0.9), (1.0, 0)))
        said = len(asr.requests)
        found = await transcribed(pipeline, data)
        lengths.append([request.seconds for request in asr.requests[said:]])
        assert [one.segment.id for one in found] == [f"s{number + 1}" for number in range(len(found))]
        await pipeline.close()
    whole, divided = lengths
    assert len(whole) == 1
    assert max(divided) <= SHORT_S < whole[0]
    assert sum(divided) == pytest.approx(whole[0])


async def test_while_sessions_are_live_a_recording_is_decoded_from_its_beginning_to_its_end():
    asr = LevelAsr()
    alone = replace(ONE_PAUSE, asr=replace(ONE_PAUSE.asr, max_batch=FILE_SHARE, workers=1))  # one span in a batch
    pipeline = Pipeline(LoudnessVad(), asr, [], alone)
    await live(pipeline, speech((1.0, 0.9), (1.0, 0)))
    said = len(asr.requests)
    asr.go.clear()
    reading = asyncio.create_task(transcribed(pipeline, SAID))
    await until(lambda: len(pipeline.asr.queue._queue) > 2)  # the first span of each of several stretches
    asr.go.set()
    await reading
    loudness = [float(np.abs(request.audio).max()) for request in asr.requests[said:]]
    places = [sorted(loudness).index(one) for one in loudness]
    assert places == list(range(len(WORDS)))
    await pipeline.close()


async def test_each_stretch_begins_with_the_prompt_of_the_request_as_its_context():
    asr = LevelAsr()
    pipeline = Pipeline(LoudnessVad(), asr, [], ONE_PAUSE)
    await transcribed(pipeline, SAID, prompt="Lisinopril")
    assert [r.prompt for r in asr.requests].count("Lisinopril") > 1
    assert all(r.prompt.startswith("Lisinopril") for r in asr.requests[:2])
    await pipeline.close()


async def test_the_names_of_the_site_are_looked_for_in_a_recording_as_in_a_live_session():
    asr, site = LevelAsr(), Vocabulary([Term("Oyelaran")])
    pipeline = Pipeline(LoudnessVad(), asr, [], ONE_PAUSE, vocabulary=site)
    await transcribed(pipeline, SAID)
    assert asr.requests
    assert all(request.vocabulary is site for request in asr.requests)
    await pipeline.close()


async def test_two_channels_are_two_speakers_in_the_order_in_which_they_speak():
    left = np.frombuffer(speech((2.0, 0.5), (7.0, 0), (1.0, 0.4), (2.0, 0)), dtype="<i2")
    right = np.frombuffer(speech((3.0, 0), (2.0, 0.3), (7.0, 0)), dtype="<i2")
    pipeline = Pipeline(LoudnessVad(), LevelAsr(), [], ONE_PAUSE)
    data = np.stack([left, right], axis=1).tobytes()
    found = await transcribed(pipeline, data, ("clinician", "patient"))
    assert [one.segment.speaker for one in found] == ["clinician", "patient", "clinician"]
    assert [one.segment.id for one in found] == ["c1", "p1", "c2"]
    await pipeline.close()


async def test_a_span_that_the_engine_cannot_decode_fails_the_recording_and_names_its_seconds():
    asr = LevelAsr()
    asr.fail = 1000
    pipeline = Pipeline(LoudnessVad(), asr, [], ONE_PAUSE)
    with pytest.raises(FileFailed, match="could not be transcribed"):
        await transcribed(pipeline, SAID)
    await pipeline.close()


async def test_what_the_reader_of_the_file_raises_ends_the_transcription():
    pipeline = Pipeline(LoudnessVad(), LevelAsr(), [], ONE_PAUSE)

    async def broken():
        yield SAID[:320_000]
        raise ValueError("broken")

    async def tell(segments):
        return None

    with pytest.raises(ValueError, match="broken"):
        await pipeline.open_file("file", ("unknown",), "en").run(broken(), tell)
    await pipeline.close()


async def test_what_follows_at_once_is_decoded_in_one_span_and_handed_out_by_its_pauses(vad, tiny, consultation):
    sizes: list[int] = []
    pipeline = Pipeline(vad, tiny, [], observe_batch=sizes.append)
    data = pcm(consultation[: 20 * SAMPLE_RATE])
    found = await transcribed(pipeline, data)
    spans, parts = sum(sizes), [one.segment for one in found]
    heard = await live(pipeline, data)
    assert spans < len(parts)
    assert spans < len(heard)
    assert "sore throat" in " ".join(part.text for part in parts)
    assert all(before.end <= after.start + 0.01 for before, after in pairwise(parts))
    assert all(part.words[0].start >= part.start and part.words[-1].end <= part.end + 0.01 for part in parts)
    assert len({part.id for part in parts}) == len(parts)
    assert all(-1.5 < one.logprob < 0 and 0 <= one.no_speech <= 1 and one.language == "en" for one in found)
    await pipeline.close()
