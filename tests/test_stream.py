import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest

from inference.audio import AudioError, AudioFormat
from inference.pipeline import Pipeline
from inference.stream import Control, StreamOptions
from inference.timing import Timings
from inference.updates import (
    Continued,
    Drained,
    ExtractionUpdate,
    Fault,
    MarkerReached,
    Paused,
    Progress,
    TranscriptUpdate,
)
from tests.fakes import EchoExtractor, LevelAsr, LoudnessVad, speech
from tests.live import until
from tests.speech import chunks, pcm
from tests.test_asr import SENTENCE
from tests.test_end_to_end import error_rate, words

TALK = speech((0.5, 0), (2.0, 0.5), (1.0, 0), (4.0, 0.6), (1.5, 0), (1.0, 0.7))
"""Two utterances and an open third, 10 s."""


@asynccontextmanager
async def pipeline(asr=None, extractors=None):
    built = Pipeline(LoudnessVad(), asr or LevelAsr(), [EchoExtractor()] if extractors is None else extractors)
    await built.start()
    yield built
    await built.close()


async def play(built, data, chunk_bytes=96_000, options=None, controls=None, paced=False):
    """Every update of a stream that is fed to its end. `controls`: bytes fed -> control to give there.

    `paced`: each chunk waits for the work of the one before, which would otherwise overtake its partial.
    """
    updates = []
    stream = built.open("s", options or StreamOptions(), updates.append)
    task, fed = asyncio.create_task(stream.run()), 0
    for piece in chunks(data, chunk_bytes):
        await stream.feed(piece, Timings())
        fed += len(piece)
        if paced:
            await until(lambda fed=fed: sum(isinstance(u, Progress) for u in updates) * chunk_bytes >= fed)
        for at, control in (controls or {}).items():
            if at == fed:
                await stream.control(control)
    await stream.control(Control("stop"))
    await task
    return updates


def finals(updates):
    return [(u.segment.speaker, u.segment.text) for u in updates if isinstance(u, TranscriptUpdate) and u.segment.final]


async def test_partials_come_while_people_speak_finals_at_pauses_and_progress_after_every_chunk():
    async with pipeline() as built:
        updates = await play(built, TALK, paced=True)
    kinds = [type(update).__name__ for update in updates]
    assert kinds.count("Progress") == 4
    assert kinds[-1] == "Drained"
    assert len(finals(updates)) == 3
    partials = [u for u in updates if isinstance(u, TranscriptUpdate) and not u.segment.final]
    assert partials
    assert partials[0].segment.id in {
        u.segment.id for u in updates if isinstance(u, TranscriptUpdate) and u.segment.final
    }
    assert [u.transcribed_s for u in updates if isinstance(u, Progress)] == sorted(
        u.transcribed_s for u in updates if isinstance(u, Progress)
    )


@pytest.mark.parametrize("chunk_bytes", [640, 3_200, 31_998, 320_000])
async def test_finals_do_not_depend_on_the_size_of_the_chunks(chunk_bytes):
    async with pipeline() as built:
        assert finals(await play(built, TALK, chunk_bytes)) == finals(await play(built, TALK))


async def test_two_streams_at_once_give_each_what_each_gives_alone():
    other = speech((1.0, 0.3), (1.0, 0), (3.0, 0.9), (2.0, 0), (2.5, 0.4))
    async with pipeline() as built:
        alone = [finals(await play(built, TALK)), finals(await play(built, other))]
        together = await asyncio.gather(play(built, TALK), play(built, other, 48_000))
    assert [finals(updates) for updates in together] == alone
    assert alone[0] != alone[1]


async def test_dual_mode_keeps_the_speakers_apart():
    left = np.frombuffer(speech((2.0, 0.5), (4.0, 0)), "<i2")
    right = np.frombuffer(speech((3.0, 0), (2.0, 0.8), (1.0, 0)), "<i2")
    data = np.stack([left, right], axis=1).tobytes()
    options = StreamOptions(AudioFormat(channels=2), "dual")
    async with pipeline() as built:
        updates = await play(built, data, 4 * 48_000, options)
        said = finals(updates)
        fine = await play(built, data, 4 * 1_600, options)
    ids = [
        [u.segment.id for u in run if isinstance(u, TranscriptUpdate) and u.segment.final] for run in (updates, fine)
    ]
    assert ids == [["c1", "p1"]] * 2
    assert finals(fine) == said
    assert [speaker for speaker, _ in said] == ["clinician", "patient"]
    assert said[0][1].endswith("0.50")
    assert said[1][1].endswith("0.80")
    async with pipeline() as built:
        with pytest.raises(AudioError):
            built.open("s", StreamOptions(AudioFormat(channels=1), "dual"), print)


async def test_a_marker_commits_the_open_segment_and_comes_after_its_transcript_and_findings():
    async with pipeline() as built:
        updates = await play(built, speech((3.0, 0.5), (3.0, 0.5)), controls={96_000: Control("marker", 7)})
    at = updates.index(MarkerReached(7))
    assert len(finals(updates[:at])) == 1
    assert any(isinstance(update, ExtractionUpdate) for update in updates[:at])


async def test_nothing_is_transcribed_in_a_pause_and_time_goes_on():
    controls = {96_000: Control("pause"), 192_000: Control("continue")}
    async with pipeline() as built:
        updates = await play(built, speech((3.0, 0.5), (3.0, 0.9), (3.0, 0.6)), controls=controls)
    assert [text[-4:] for _, text in finals(updates)] == ["0.50", "0.60"]
    assert updates.index(Paused()) < updates.index(Continued())
    last = [u.segment for u in updates if isinstance(u, TranscriptUpdate) and u.segment.final][-1]
    assert last.start >= 5.7


async def test_a_final_does_not_wait_for_a_partial_that_is_being_decoded():
    asr = LevelAsr()
    async with pipeline(asr) as built:
        updates = []
        stream = built.open("s", StreamOptions(), updates.append)
        task = asyncio.create_task(stream.run())
        while asr.called.acquire(blocking=False):
            pass  # the calls of the warm-up
        asr.go.clear()
        await stream.feed(speech((3.0, 0.5)), Timings())
        await asyncio.to_thread(asr.called.acquire)  # the partial is on the device, and stays there
        await stream.feed(speech((1.0, 0.5), (2.0, 0)), Timings())
        await asyncio.to_thread(asr.called.acquire)  # the final is on the other worker
        assert [request.final for request in asr.requests[-2:]] == [False, True]
        asr.go.set()
        await stream.control(Control("stop"))
        await task
    assert [u.segment.final for u in updates if isinstance(u, TranscriptUpdate)] == [True]


async def test_a_failed_final_is_tried_again_and_then_told_with_its_seconds():
    asr = LevelAsr()
    async with pipeline(asr) as built:
        asr.fail = 1
        assert len(finals(await play(built, speech((1.0, 0.5), (2.0, 0))))) == 1
        asr.fail = 2
        updates = await play(built, speech((1.0, 0.5), (2.0, 0), (1.0, 0.7), (1.0, 0)))
    (fault,) = [update for update in updates if isinstance(update, Fault)]
    assert fault.code == "asr_failed"
    assert "0.0 s to 1.3 s" in fault.message
    assert [text[-4:] for _, text in finals(updates)] == ["0.70"], "the session goes on"


async def test_a_dead_extractor_is_told_once_and_catches_up_when_it_is_back():
    model = EchoExtractor("vllm")
    async with pipeline(extractors=[model]) as built:
        updates = []
        stream = built.open("s", StreamOptions(), updates.append)
        task = asyncio.create_task(stream.run())
        model.down = True
        await stream.feed(speech((1.0, 0.5), (2.0, 0)), Timings())
        await stream.control(Control("marker", 1))
        await stream.feed(speech((1.0, 0.7), (2.0, 0)), Timings())
        await stream.control(Control("marker", 2))
        await until(lambda: MarkerReached(2) in updates)
        assert len(finals(updates)) == 2, "transcripts go on"
        assert [u.code for u in updates if isinstance(u, Fault)] == ["extraction_unavailable"]
        assert not any(isinstance(update, ExtractionUpdate) for update in updates)
        model.down = False
        await stream.control(Control("stop"))
        await task
    found = [op.finding.text for u in updates if isinstance(u, ExtractionUpdate) for op in u.operations]
    assert found == [text for _, text in finals(updates)]
    assert isinstance(updates[-1], Drained)
    assert isinstance(updates[-2], ExtractionUpdate)


async def test_every_quote_stands_letter_for_letter_in_its_segment():
    async with pipeline() as built:
        updates = await play(built, TALK)
    segments = {u.segment.id: u.segment for u in updates if isinstance(u, TranscriptUpdate) and u.segment.final}
    evidence = [
        e for u in updates if isinstance(u, ExtractionUpdate) for op in u.operations for e in op.finding.evidence
    ]
    assert len(evidence) == 3
    assert all(segments[e.segment].text[e.start : e.end] == e.quote for e in evidence)


async def test_the_text_before_a_span_is_its_prompt_and_comes_from_finals_alone():
    asr = LevelAsr()
    async with pipeline(asr) as built:
        said = finals(await play(built, TALK))
    prompts = [request.prompt for request in asr.requests if request.final][-3:]
    assert prompts == ["", said[0][1], f"{said[0][1]} {said[1][1]}"]


async def test_a_partial_of_a_long_segment_decodes_its_last_seconds_and_shows_all_of_it(
    vad, tiny, sentence, monkeypatch
):
    heard = []
    transcribe = tiny.transcribe

    def spy(requests, mels=None):
        heard.extend(request for request in requests if not request.final)
        return transcribe(requests, mels)

    monkeypatch.setattr(tiny, "transcribe", spy)
    built = Pipeline(vad, tiny, [])
    await built.start()
    heard.clear()
    updates = []
    stream = built.open("s", StreamOptions(), updates.append)
    task = asyncio.create_task(stream.run())
    talk = sentence[8_000:-9_600]  # nobody pauses
    for piece in chunks(pcm(np.concatenate([talk, talk])), 96_000):
        await stream.feed(piece, Timings())
        shown = len([u for u in updates if isinstance(u, Progress)])
        await until(lambda shown=shown: len([u for u in updates if isinstance(u, Progress)]) > shown)
    partials = [u.segment for u in updates if isinstance(u, TranscriptUpdate) and not u.segment.final]
    assert len(partials) >= 3
    last = partials[-1]
    assert len(heard[-1].audio) / 16_000 < 0.75 * (last.end - last.start)
    assert len(last.text.split()) > 1.5 * len(SENTENCE.split())
    assert error_rate(words(f"{SENTENCE} {SENTENCE}")[: len(words(last.text))], words(last.text)) < 0.3
    covered = [u.transcribed_s for u in updates if isinstance(u, Progress)]
    assert covered[-1] > last.end - 0.5
    await stream.control(Control("stop"))
    await task
    await built.close()
