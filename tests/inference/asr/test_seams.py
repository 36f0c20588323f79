import asyncio
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.asr.seams import NEAR_S, UNSETTLED_S, Seam
from inference.audio.decoding import AudioFormat
from inference.audio.segmenter import Span
from inference.audio.spoken import Spoken
from inference.config import EngineConfig, SegmenterConfig
from inference.pipeline import Pipeline
from inference.stream import Control, StreamOptions
from inference.timing import Timings
from inference.transcript import Word
from inference.updates import TranscriptUpdate
from tests.inference.stream.test_stream import play
from tests.support.fakes import CountingAsr, LoudnessVad, counted

RATE = 16_000
CONFIG = EngineConfig(segmenter=SegmenterConfig(max_segment_s=8.0, partial_every_s=1.0))
MINUTE = counted(range(200), (0.5, 0.0), (60.0, 1.0), (2.0, 0.0))
"""Two hundred words in a minute without a pause."""


def span(seconds=8.0, held_s=3.0, start_s=10.0, quiet_at=()):
    audio = np.random.default_rng(0).standard_normal(int(seconds * RATE)).astype(np.float32)
    for moment in quiet_at:
        audio[int((moment - 0.04) * RATE) : int((moment + 0.04) * RATE)] *= 0.01
    start = int(start_s * RATE)
    end = start + len(audio)
    return Span(start, end, audio, True, Spoken(((0.0, seconds),)), 3, end, held=int(held_s * RATE))


def heard(*words):
    """(text, end in s of the span), each word beginning where the one before ends."""
    starts = [0.0, *(end for _, end in words)]
    timed = tuple(Word(text, start, end, 0.9) for (text, end), start in zip(words, starts, strict=False))
    return Hypothesis(" ".join(text for text, _ in words), "en", words=timed)


def test_a_split_keeps_the_words_up_to_a_quiet_moment_and_leaves_the_others_to_the_next_segment():
    seam = Seam.of(span(quiet_at=[6.05]), heard(("I", 3.0), ("have", 5.5), ("pain", 6.0), ("in", 6.6), ("my", 7.9)))
    assert (seam.said.text, seam.held.text) == ("I have pain", "in my")
    assert [word.text for word in seam.said.words] == ["I", "have", "pain"]
    assert seam.held.words[1] == Word("my", pytest.approx(0.55, abs=0.03), pytest.approx(1.85, abs=0.03), 0.9)
    assert seam.at / RATE == pytest.approx(16.05, abs=0.02), "the word's end is as far from there as alignments are"


def test_the_end_of_a_sentence_counts_for_more_than_a_word_that_ends_later():
    seam = Seam.of(span(), heard(("pain.", 5.6), ("It", 6.2), ("hurts", 7.2), ("now", 7.9)))
    assert (seam.said.text, seam.held.text) == ("pain.", "It hurts now")


def test_the_last_word_before_the_end_is_never_kept():
    seam = Seam.of(span(), heard(("one", 5.6), ("two", 7.0), ("three.", 7.9)))
    assert seam.held.text.endswith("three.")


def timed(text):
    return heard(*((word, 0.4 * number) for number, word in enumerate(text.split(), 1)))


@pytest.mark.parametrize(
    ("before", "held", "again", "left"),
    [
        ("and then from", "a transplant", "from a transplant", "a transplant"),
        ("a little longer than", "three days", "longer than three days", "three days"),
        ("All right. From", "a transplant", "from, a transplant", "a transplant"),
        ("and then from", "a transplant", "from the transplant", "from the transplant"),
        ("it hurts, no", "no not now", "no no not now", "no no not now"),
        ("it hurts, no", "not now", "not now", "not now"),
        ("it hurts, no", "", "no not now", "no not now"),
        ("", "not now", "not now", "not now"),
        ("two", "two tablets", "two tablets", "two tablets"),
        ("and from", "a", "from", "from"),
    ],
)
def test_words_before_a_seam_that_are_heard_again_behind_it_are_said_once(before, held, again, left):
    seam = Seam(0, 0, timed(before), timed(held))
    found = seam.heard_once(before, timed(again))
    assert found.text == left
    assert [word.text for word in found.words] == left.split()
    assert found.words == timed(again).words[-len(found.words) :]


def test_of_a_text_without_word_times_all_is_kept_and_nothing_is_heard_again():
    one = span()
    seam = Seam.of(one, Hypothesis("text", "en"))
    assert (seam.at, seam.said.text, seam.held.text) == (one.end, "text", "")


def test_where_nothing_was_heard_as_much_as_possible_is_heard_again():
    one = span()
    assert Seam.of(one, Hypothesis("", "en")).at == one.end - one.held


def test_a_word_that_is_too_long_to_be_heard_again_is_kept_and_the_next_segment_begins_behind_it():
    seam = Seam.of(span(), heard(("well", 4.0), ("aaaah", 7.8)))
    assert (seam.said.text, seam.held.text) == ("well aaaah", "")
    assert seam.at == pytest.approx(17.8 * RATE, abs=1)


ends = st.lists(st.floats(0.1, 8.0), min_size=1, max_size=30).map(sorted)


@given(ends, st.floats(1.5, 6.0))
def test_every_word_is_kept_or_heard_again_whole(ends, held_s):
    one = span(held_s=held_s)
    said = heard(*((f"w{i}", end) for i, end in enumerate(ends)))
    seam = Seam.of(one, said)
    kept = len(seam.said.words)
    assert one.end - one.held <= seam.at <= one.end
    assert seam.said.words == said.words[:kept]
    assert seam.held.text.split() == [word.text for word in said.words[kept:]]
    begins_s = (seam.at - one.start) / RATE
    assert all(word.start >= begins_s - NEAR_S - 0.01 for word in said.words[kept:])
    settled = [word for word in said.words if 8.0 - held_s + NEAR_S < word.end <= 8.0 - UNSETTLED_S]
    assert kept <= said.words.index(settled[-1]) + 1 if settled else True


def pipeline(asr=None):
    return Pipeline(LoudnessVad(), asr or CountingAsr(), [], CONFIG)


async def streamed(data, chunk_bytes=96_000, options=None, controls=None, asr=None):
    built = pipeline(asr)
    await built.start()
    updates = await play(built, data, chunk_bytes, options, controls)
    await built.close()
    return [u.segment for u in updates if isinstance(u, TranscriptUpdate)]


def finals(segments):
    return [segment for segment in segments if segment.final]


def said(segments):
    return [int(word.strip("w.")) for segment in finals(segments) for word in segment.text.split()]


async def test_of_a_minute_without_a_pause_every_word_is_said_once_and_no_segment_is_long():
    segments = finals(await streamed(MINUTE))
    assert said(segments) == list(range(200))
    assert all(one.end <= other.start + 0.01 for one, other in pairwise(segments))
    assert max(segment.end - segment.start for segment in segments) < 9.0
    for segment in segments:
        assert [word.text for word in segment.words] == segment.text.split()
        assert all(segment.start - 0.1 <= word.start <= word.end <= segment.end + 0.1 for word in segment.words)


@pytest.mark.parametrize("chunk_bytes", [640, 3_200, 31_998, 320_000])
async def test_where_a_split_falls_does_not_depend_on_the_size_of_the_chunks(chunk_bytes):
    assert finals(await streamed(MINUTE, chunk_bytes)) == finals(await streamed(MINUTE))


async def test_where_a_split_falls_does_not_depend_on_how_long_the_recogniser_takes():
    asr = CountingAsr()
    built = pipeline(asr)
    await built.start()
    updates = []
    stream = built.open("s", StreamOptions(), updates.append)
    task = asyncio.create_task(stream.run())
    asr.go.clear()
    feeding = asyncio.create_task(play_into(stream, MINUTE))
    await asyncio.to_thread(asr.called.acquire)
    asr.go.set()
    await feeding
    await task
    await built.close()
    late = [u.segment for u in updates if isinstance(u, TranscriptUpdate)]
    assert finals(late) == finals(await streamed(MINUTE, 16_000))


async def play_into(stream, data):
    for at in range(0, len(data), 16_000):
        await stream.feed(data[at : at + 16_000], Timings())
    await stream.control(Control("stop"))


async def test_what_is_heard_again_before_a_span_are_the_words_before_it_whatever_the_chunks():
    def leads(asr):
        return [request.lead for request in asr.requests if request.final and request.lead is not None]

    coarse, fine = CountingAsr(), CountingAsr()
    segments = finals(await streamed(MINUTE, 320_000, asr=coarse))
    await streamed(MINUTE, 3_200, asr=fine)
    assert len(leads(coarse)) == len(segments) - 1 > 5
    for lead, before in zip(leads(coarse), segments, strict=False):
        assert before.text.endswith(f" {lead.text}")
        (heard,) = CountingAsr().transcribe([AsrRequest(lead.audio, True)])
        assert lead.text == heard.text, "its audio holds these words whole, and no others"
        assert 3.5 < lead.seconds <= CONFIG.segmenter.lead_s
    assert [(one.text, one.audio.tobytes()) for one in leads(fine)] == [
        (one.text, one.audio.tobytes()) for one in leads(coarse)
    ]


async def test_the_prompt_of_a_span_ends_where_its_lead_begins():
    asr = CountingAsr()
    await streamed(MINUTE, asr=asr)
    led = [request for request in asr.requests if request.final and request.lead is not None]
    for request in led:
        text = f"{request.prompt} {request.lead.text}"
        numbers = [int(word.strip("w.")) for word in text[text.index("w") :].split()]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert len(numbers) > 10


async def test_two_people_who_talk_without_a_pause_lose_no_word_of_either():
    left = np.frombuffer(counted(range(100), (0.5, 0.0), (30.0, 1.0), (2.0, 0.0)), "<i2")
    right = np.frombuffer(counted(range(100, 200), (0.5, 0.0), (30.0, 1.0), (2.0, 0.0)), "<i2")
    data = np.stack([left, right], axis=1).tobytes()
    segments = await streamed(data, 192_000, StreamOptions(AudioFormat(channels=2), "dual"))
    for speaker, words in (("clinician", range(100)), ("patient", range(100, 200))):
        assert said([segment for segment in segments if segment.speaker == speaker]) == list(words)
    fine = await streamed(data, 64_000, StreamOptions(AudioFormat(channels=2), "dual"))
    assert finals(fine) == finals(segments)


@pytest.mark.parametrize("at_s", [8, 9, 10, 12])
async def test_a_marker_right_behind_a_split_commits_the_words_that_it_held(at_s):
    data = MINUTE[: 2 * RATE * 20]
    segments = await streamed(data, 2 * RATE, controls={2 * RATE * at_s: Control("marker", 1)})
    words = said(segments)
    assert words == sorted(set(words)), "nothing twice, and in order"
    whole = {int((s - 0.5) / 0.3) for s in (at_s,)}
    assert set(range(60)) - set(words) <= whole | {w + 1 for w in whole}, "the marker itself cuts one word in two"


async def test_speech_that_ends_with_a_split_leaves_no_word_unsaid():
    for words in range(24, 32):
        data = counted(range(words), (0.5, 0.0), (words * 0.3, 1.0), (3.0, 0.0))
        assert said(await streamed(data)) == list(range(words))


async def test_a_final_that_has_no_speech_but_what_the_split_before_it_heard_is_not_decoded_again():
    asr = CountingAsr()
    data = counted(range(25), (0.5, 0.0), (7.65, 1.0), (3.0, 0.0))
    segments = await streamed(data, asr=asr)
    assert len(finals(segments)) == 2
    assert said(segments) == list(range(25))
    decoded = [request for request in asr.requests if request.final and request.spoken is not None]
    assert len(decoded) == 1, "the pipeline's own trial at the start apart"


async def test_the_words_that_a_split_holds_stay_on_the_screen_until_their_own_final():
    segments = await streamed(MINUTE)
    splits = [i for i, one in enumerate(segments) if one.final][:-1]
    for i in splits[:5]:
        following = segments[i + 1]
        assert not following.final
        assert following.id != segments[i].id
        assert following.text.split()[0] not in segments[i].text.split()
