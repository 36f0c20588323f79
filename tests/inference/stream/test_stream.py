import asyncio
import threading
from contextlib import asynccontextmanager

import numpy as np
import pytest

from inference.asr.hypothesis import Hypothesis
from inference.asr.language import HeardLanguage
from inference.audio.decoding import AudioError, AudioFormat
from inference.pipeline import Pipeline
from inference.stream import Control, StreamOptions
from inference.terms import vocabularies
from inference.terms.vocabulary import Term, Vocabulary
from inference.timing import Timings
from inference.updates import (
    Continued,
    Drained,
    Extracted,
    ExtractionUpdate,
    Fault,
    MarkerReached,
    Notice,
    Paused,
    Progress,
    TranscriptUpdate,
)
from tests.inference.asr.test_asr import SENTENCE
from tests.inference.test_end_to_end import error_rate, words
from tests.support.fakes import CountingAsr, EchoExtractor, LevelAsr, LoudnessVad, counted, speech
from tests.support.live import until
from tests.support.speech import chunks, pcm

TALK = speech((0.5, 0), (2.0, 0.5), (2.0, 0), (4.0, 0.6), (1.5, 0), (1.0, 0.7))
"""Two utterances and an open third, 11 s."""


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


class NamesAsr(LevelAsr):
    """Notes which names may have been said in each final."""

    def transcribe(self, requests, mels=None):
        self.vocabularies = getattr(self, "vocabularies", []) + [r.vocabulary for r in requests if r.final]
        return super().transcribe(requests, mels)


async def test_a_stream_is_idle_when_all_that_it_was_fed_is_out_and_answered():
    asr, updates = LevelAsr(), []
    async with pipeline(asr) as built:
        stream = built.open("s", StreamOptions(), updates.append)
        assert not stream.idle  # nobody runs it yet
        task = asyncio.create_task(stream.run())
        await until(lambda: stream.idle)
        asr.go.clear()
        await stream.feed(TALK, Timings())
        await stream.control(Control("marker", 7))
        assert not stream.idle
        asr.go.set()
        await until(lambda: stream.idle)
        assert len(finals(updates)) == 3
        assert MarkerReached(7) in updates
        await stream.control(Control("stop"))
        await task


async def test_every_final_has_the_names_of_its_session_and_others_do_not_wait_while_they_are_made(monkeypatch):
    entered, go_on = threading.Event(), threading.Event()

    def slow(terms, site):
        entered.set()
        assert go_on.wait(60)
        return Vocabulary(terms, site)

    monkeypatch.setattr(vocabularies, "Vocabulary", slow)
    asr = NamesAsr()
    async with pipeline(asr) as built:
        warm = len(asr.vocabularies)
        options = [StreamOptions(vocabulary=names) for names in (("Oyelaran",), ("Kirkcudbright",))]
        named = [asyncio.create_task(play(built, TALK, options=own)) for own in options]
        await asyncio.to_thread(entered.wait)
        assert len(finals(await play(built, TALK))) == 3  # a session without names comes to its end meanwhile
        assert asr.vocabularies[warm:] == [None] * (len(asr.vocabularies) - warm)
        warm = len(asr.vocabularies)
        assert not any(task.done() for task in named)
        go_on.set()
        for task in named:
            assert len(finals(await task)) == 3
        made = set(asr.vocabularies[warm:])
        assert None not in made
        assert len(made) == 2


async def test_a_session_whose_names_cannot_be_made_goes_on_with_those_of_the_site_and_says_so(monkeypatch, caplog):
    def broken(terms, site):
        raise KeyError(*terms)

    asr, site = NamesAsr(), Vocabulary([Term("Kirkcudbright")])
    monkeypatch.setattr(vocabularies, "Vocabulary", broken)
    built = Pipeline(LoudnessVad(), asr, [EchoExtractor()], vocabulary=site)
    await built.start()
    warm = len(asr.vocabularies)
    updates = await play(built, TALK, options=StreamOptions(vocabulary=("Oyelaran",)))
    await built.close()
    assert len(finals(updates)) == 3
    assert asr.vocabularies[warm:] == [site] * 3
    assert isinstance(updates[-1], Drained)
    [fault] = [update for update in updates if isinstance(update, Fault)]
    assert fault.code == "vocabulary_failed"
    assert "broken" in caplog.text
    assert "oyelaran" not in (fault.message + caplog.text).lower()


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
    assert last.start >= 5.5


def held(built, asr):
    """A stream that runs, with its updates and its task, on a device that holds what it is given until `go` is set."""
    updates = []
    stream = built.open("s", StreamOptions(), updates.append)
    task = asyncio.create_task(stream.run())
    while asr.called.acquire(blocking=False):
        pass  # the calls of the warm-up
    asr.requests.clear()
    asr.go.clear()
    return updates, stream, task


async def test_a_final_does_not_wait_for_a_partial_that_is_being_decoded():
    asr = LevelAsr()
    async with pipeline(asr) as built:
        updates, stream, task = held(built, asr)
        await stream.feed(speech((3.0, 0.5)), Timings())
        await asyncio.to_thread(asr.called.acquire)  # the partial is on the device, and stays there
        await stream.feed(speech((1.0, 0.5), (2.0, 0)), Timings())
        await asyncio.to_thread(asr.called.acquire)  # the final is on the other worker
        assert [request.final for request in asr.requests[-2:]] == [False, True]
        asr.go.set()
        await stream.control(Control("stop"))
        await task
    assert [u.segment.final for u in updates if isinstance(u, TranscriptUpdate)] == [True]


async def test_a_draft_is_shown_in_the_pause_and_becomes_the_final_without_another_decoding():
    asr = LevelAsr()
    async with pipeline(asr) as built:
        asr.requests.clear()
        updates = await play(built, speech((0.5, 0), (0.5, 0.5), (3.0, 0)), 16_000, paced=True)
    shown = [u.segment for u in updates if isinstance(u, TranscriptUpdate)]
    assert [(segment.id, segment.final) for segment in shown] == [("s1", False), ("s1", True)]
    assert shown[0].text == shown[1].text
    assert [request.final for request in asr.requests] == [True]


async def test_speech_after_a_draft_makes_another_final_of_the_segment():
    asr = LevelAsr()
    talk = speech((0.5, 0), (0.5, 0.5), (1.1, 0), (0.5, 0.7), (3.0, 0))
    async with pipeline(asr) as built:
        asr.requests.clear()
        paced = await play(built, talk, 16_000, paced=True)
        decoded = sum(request.final for request in asr.requests)
        whole = await play(built, talk, len(talk))
    assert finals(paced) == finals(whole)
    assert [u.segment.id for u in paced if isinstance(u, TranscriptUpdate) and u.segment.final] == ["s1"]
    assert decoded == 2, "a draft before the pause was over, and one that became the final"


async def test_a_draft_is_the_final_also_where_the_chunk_that_decides_it_begins_the_next_segment():
    asr = LevelAsr()
    async with pipeline(asr) as built:
        asr.requests.clear()
        talk = speech((2.0, 0), (0.5, 0.5), (2.0, 0), (1.5, 0.7), (3.0, 0))  # in chunks of 3.25 s
        updates = await play(built, talk, 104_000, paced=True)
    assert len(finals(updates)) == 2
    decoded = [(round(np.abs(request.audio).max(), 1), request.final) for request in asr.requests]
    assert decoded == [(0.5, True), (0.7, False), (0.7, True)]


async def test_a_final_waits_for_its_draft_that_is_being_decoded_and_does_not_begin_another():
    asr = LevelAsr()
    async with pipeline(asr) as built:
        updates, stream, task = held(built, asr)
        await stream.feed(speech((0.6, 0.5), (0.9, 0)), Timings())
        await asyncio.to_thread(asr.called.acquire)  # the draft is on the device, and stays there
        await stream.feed(speech((2.0, 0)), Timings())
        await stream.control(Control("stop"))
        asr.go.set()
        await task
    assert [request.final for request in asr.requests] == [True]
    assert [u.segment.final for u in updates if isinstance(u, TranscriptUpdate)] == [True]


async def test_a_final_whose_draft_failed_is_decoded():
    asr = LevelAsr()
    async with pipeline(asr) as built:
        asr.fail = 1
        updates = await play(built, speech((0.5, 0), (0.6, 0.5), (3.0, 0)), 16_000, paced=True)
    assert len(finals(updates)) == 1
    assert [u.code for u in updates if isinstance(u, Fault)] == ["partial_failed"]


async def test_a_failed_final_is_tried_again_and_then_told_with_its_seconds():
    asr = LevelAsr()
    async with pipeline(asr) as built:
        asr.fail = 1
        assert len(finals(await play(built, speech((1.0, 0.5), (2.0, 0))))) == 1
        asr.fail = 2
        updates = await play(built, speech((1.0, 0.5), (2.0, 0), (1.0, 0.7), (1.0, 0)))
    (fault,) = [update for update in updates if isinstance(update, Fault)]
    assert fault.code == "asr_failed"
    assert "0.0 s to 1.4 s" in fault.message
    assert [text[-4:] for _, text in finals(updates)] == ["0.70"], "the session goes on"


async def test_an_error_in_the_search_for_names_costs_the_names_and_not_the_words(monkeypatch, caplog):
    def fail(self, words):
        raise ZeroDivisionError(words[0].text)

    monkeypatch.setattr(Vocabulary, "candidates", fail)
    async with pipeline(CountingAsr()) as built:
        data = counted([*range(5)], (1.5, 1), (2.0, 0))
        updates = await play(built, data, options=StreamOptions(vocabulary=("Kapoor",)))
    assert [text for _, text in finals(updates)] == ["w0 w1 w2 w3 w4"]
    assert not [update for update in updates if isinstance(update, Fault)]
    assert "ZeroDivisionError" in caplog.text
    assert "w0" not in caplog.text


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
    told = [update for update in updates if not isinstance(update, Extracted)]
    assert isinstance(told[-1], Drained)
    assert isinstance(told[-2], ExtractionUpdate)


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


class Polyglot(LevelAsr):
    """Hears Spanish in what is louder than 0.7, and writes whatever language it is told to write."""

    def transcribe(self, requests, mels=None):
        super().transcribe(requests)
        return [self._written(request) for request in requests]

    def _written(self, request):
        heard = "es" if np.abs(request.audio).max() > 0.7 else "en"
        asked = request.language or heard
        text = "tengo tos" if asked == "es" else "I have a cough"
        logprob = -0.3 if asked == heard else -0.8
        return Hypothesis(text, asked, logprob, heard=HeardLanguage(heard, 0.95, 0.95 if asked == heard else 0.01))


class ReadingExtractor(EchoExtractor):
    """Finds nothing, and keeps the text and the language of what it reads."""

    def __init__(self):
        super().__init__()
        self.read = []

    async def extract(self, consultation):
        self.read += [(segment.text, segment.language) for segment in consultation.segments[consultation.new_from :]]
        return []


def told(updates):
    """Finals as (text, language), and changes of language as (second, speaker)."""
    for update in updates:
        if isinstance(update, TranscriptUpdate) and update.segment.final:
            yield update.segment.text, update.segment.language
        elif isinstance(update, Notice):
            yield update.code, update.speaker


ENGLISH_THEN_SPANISH = speech((0.5, 0), (3.0, 0.5), (1.6, 0), (3.0, 0.9), (1.6, 0), (3.0, 0.9), (1.6, 0), (3.0, 0.5))
CHANGED = ("language_changed", None)


@pytest.mark.parametrize("chunk_bytes", [3_200, 96_000, 320_000])
async def test_a_change_of_language_is_told_and_written_and_so_is_the_way_back(chunk_bytes):
    async with pipeline(Polyglot()) as built:
        updates = await play(built, ENGLISH_THEN_SPANISH, chunk_bytes)
    assert list(told(updates)) == [
        ("I have a cough", ""),
        CHANGED,
        ("tengo tos", "es"),
        ("tengo tos", "es"),
        CHANGED,
        ("I have a cough", ""),
    ]


async def test_after_a_change_spans_are_asked_for_in_the_new_language_without_the_old_one_as_context():
    asr = Polyglot()
    async with pipeline(asr) as built:
        await play(built, ENGLISH_THEN_SPANISH)
    asked = [(r.language, r.prompt) for r in asr.requests if r.final][1:]  # the first is the warm-up's
    assert asked == [
        ("en", ""),
        ("en", "I have a cough"),
        ("es", ""),
        ("es", "tengo tos"),
        ("es", "tengo tos tengo tos"),
        ("en", ""),
    ]


async def test_a_short_sentence_in_another_language_is_written_in_it_and_changes_nothing():
    asr = Polyglot()
    async with pipeline(asr) as built:
        updates = await play(built, speech((0.5, 0), (3.0, 0.5), (2.0, 0), (1.5, 0.9), (2.0, 0), (3.0, 0.5)))
    assert list(told(updates)) == [("I have a cough", ""), ("tengo tos", "es"), ("I have a cough", "")]
    assert [r for r in asr.requests if r.final][-1].prompt == "I have a cough"


async def test_a_short_sentence_in_another_language_reaches_the_extractors_that_read_it():
    everything, english = ReadingExtractor(), ReadingExtractor()
    english.languages = ("en",)
    async with pipeline(Polyglot(), [everything, english]) as built:
        await play(built, speech((0.5, 0), (3.0, 0.5), (2.0, 0), (1.5, 0.9), (2.0, 0)))
    assert everything.read == [("I have a cough", ""), ("tengo tos", "es")]
    assert [text for text, _ in english.read if text] == ["I have a cough"]


async def test_a_session_that_was_declared_english_and_is_not_holds_no_english():
    async with pipeline(Polyglot()) as built:
        updates = await play(built, speech((0.5, 0), (3.0, 0.9), (1.6, 0), (3.0, 0.9)))
    assert list(told(updates)) == [CHANGED, ("tengo tos", "es"), ("tengo tos", "es")]


async def test_an_undeclared_language_is_the_first_that_is_heard_clearly_and_is_no_change():
    async with pipeline(Polyglot()) as built:
        options = StreamOptions(language=None)
        updates = await play(built, speech((0.5, 0), (3.0, 0.9), (1.6, 0), (3.0, 0.5)), options=options)
    assert list(told(updates)) == [("tengo tos", ""), CHANGED, ("I have a cough", "en")]


async def test_each_speaker_has_a_language_and_the_notice_names_who_changed_it():
    left, right = speech((0.5, 0), (3.0, 0.5), (6.0, 0)), speech((4.5, 0), (4.0, 0.9), (1.0, 0))
    both = np.stack([np.frombuffer(left, "<i2"), np.frombuffer(right, "<i2")], axis=1).tobytes()
    options = StreamOptions(audio=AudioFormat(channels=2), mode="dual")
    async with pipeline(Polyglot()) as built:
        updates = await play(built, both, options=options)
    assert list(told(updates)) == [("I have a cough", ""), ("language_changed", "patient"), ("tengo tos", "es")]
