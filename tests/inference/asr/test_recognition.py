import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np

from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.asr.language import HeardLanguage
from inference.asr.leads.lead import Lead
from inference.asr.recognition import Recogniser
from inference.audio.spoken import Spoken
from inference.config import AsrConfig
from inference.terms.vocabulary import Term, Vocabulary
from inference.transcript import Word
from tests.support.fakes import LevelAsr

SPAN = AsrRequest(np.zeros(4 * 16_000, np.float32), final=True, prompt="Good morning.")


class Script(LevelAsr):
    """Answers what it was told to, in order; the last answer again and again."""

    def __init__(self, *answers: Hypothesis) -> None:
        super().__init__()
        self.answers = list(answers)

    def transcribe(self, requests, mels=None):
        super().transcribe(requests)
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0] for _ in requests]


def said(text, logprob=-0.3, **about):
    return Hypothesis(text, "en", logprob, **about)


@asynccontextmanager
async def recogniser(engine, **config):
    built = Recogniser(engine, AsrConfig(**{"workers": 1, **config}))
    yield built
    await built.close()


async def test_a_doubtful_final_is_decoded_again_with_ever_more_silence_and_without_its_prompt():
    loop, sound = said("no no no", doubtful=True), said("no fever")
    for answers, windows in (([sound], [0]), ([loop, sound], [0, 1400]), ([loop, loop, sound], [0, 1400, 3000])):
        engine = Script(*answers)
        async with recogniser(engine) as asr:
            served = await asr.final(SPAN, session="1")
        assert [request.frames for request in engine.requests] == windows
        assert {request.prompt for request in engine.requests[1:]} <= {""}
        assert (served.value.text, served.value.retried) == ("no fever", len(windows) > 1)


async def test_where_every_try_is_doubtful_the_likeliest_stands():
    engine = Script(said("a", -2.0, doubtful=True), said("b", -0.5, doubtful=True), said("c", -1.0, doubtful=True))
    async with recogniser(engine) as asr:
        served = await asr.final(SPAN, session="1")
    assert (served.value.text, len(engine.requests)) == ("b", 3)


async def test_what_loops_however_it_is_decoded_is_said_three_times_at_most():
    words = tuple(Word("No," if i else "Fever?", i * 0.1, i * 0.1 + 0.1, 0.9) for i in range(30))
    engine = Script(said(" ".join(word.text for word in words), words=words, doubtful=True))
    async with recogniser(engine) as asr:
        served = await asr.final(SPAN, session="1")
    assert served.value.text == "Fever? No, No, No,"
    assert [word.text for word in served.value.words] == ["Fever?", "No,", "No,", "No,"]


async def test_a_doubtful_partial_costs_no_second_try_and_shows_one_pass_of_a_loop():
    words = tuple(Word("no", i * 0.1, i * 0.1 + 0.1, 0.9) for i in range(30))
    engine = Script(said(" ".join(word.text for word in words), words=words, doubtful=True))
    async with recogniser(engine) as asr:
        served = await asr.partial(AsrRequest(SPAN.audio, final=False), session="1")
    assert (served.value.text, served.value.doubtful, len(engine.requests)) == ("no", True, 1)


async def test_a_second_try_does_not_hold_up_the_finals_of_others():
    engine = Script(said("loop", doubtful=True), said("other"), said("again"))
    async with recogniser(engine) as asr:
        engine.go.clear()
        first = asyncio.create_task(asr.final(SPAN, session="1"))
        await asyncio.to_thread(engine.called.acquire)
        second = asyncio.create_task(asr.final(SPAN, session="2"))
        await asyncio.sleep(0)
        engine.go.set()
        assert [(await task).value.text for task in (first, second)] == ["again", "other"]
    assert [request.frames for request in engine.requests] == [0, 0, 1400]


def words(*said_at):
    return tuple(Word(text, start, end, 0.9) for text, start, end in said_at)


def heard(*said_at):
    return said(" ".join(text for text, _, _ in said_at), words=words(*said_at))


async def test_speech_behind_the_last_word_is_decoded_by_itself():
    engine = Script(heard(("no", 0.2, 0.4), ("fever", 0.5, 1.5)), heard(("but", 0.2, 1.0), ("pain", 1.0, 2.0)))
    async with recogniser(engine) as asr:
        served = await asr.final(SPAN, session="1")
    rest = engine.requests[1]
    assert (len(rest.audio), rest.prompt) == (2.5 * 16_000, "Good morning. no fever")
    assert served.value.text == "no fever but pain"
    assert [word.start for word in served.value.words] == [0.2, 0.5, 1.7, 2.5]


async def test_speech_under_a_word_that_is_too_long_takes_its_place_with_what_is_said_there():
    skipped = heard(("Here?", 0.1, 0.5), ("Right.", 0.5, 3.0), ("Thanks.", 3.0, 3.9))
    piece = heard(("Yes,", 0.1, 0.6), ("my", 0.6, 0.8), ("left", 0.8, 1.2), ("ear.", 1.2, 1.6), ("Right.", 1.7, 2.4))
    engine = Script(skipped, piece)
    async with recogniser(engine) as asr:
        served = await asr.final(SPAN, session="1")
    assert served.value.text == "Here? Yes, my left ear. Right. Thanks."
    assert [word.start for word in served.value.words] == [0.1, 0.6, 1.1, 1.3, 1.7, 2.2, 3.0]
    assert [request.prompt for request in engine.requests[1:]] == ["Good morning. Here?"]
    assert len(engine.requests[1].audio) == 2.5 * 16_000


async def test_a_piece_that_says_no_more_or_loops_changes_nothing_and_is_asked_for_once():
    skipped = heard(("Here?", 0.1, 0.5), ("Right.", 0.5, 3.0), ("Thanks.", 3.0, 3.9))
    for piece in (heard(("Right.", 0.1, 2.0)), said("no no no", words=words(*[("no", 0, 0.1)] * 3), doubtful=True)):
        engine = Script(skipped, piece)
        async with recogniser(engine) as asr:
            served = await asr.final(SPAN, session="1")
        assert served.value.text == "Here? Right. Thanks."
        assert len(engine.requests) == 2


async def test_silence_under_a_word_is_no_gap():
    quiet = replace(SPAN, spoken=Spoken(((0.0, 0.9), (3.0, 4.0))))
    engine = Script(heard(("Here?", 0.1, 0.5), ("Right.", 0.5, 3.0), ("Thanks.", 3.0, 3.9)))
    async with recogniser(engine) as asr:
        await asr.final(quiet, session="1")
    assert len(engine.requests) == 1


async def test_silence_and_noise_give_no_text(base, noise):
    async with recogniser(base) as asr:
        for audio in (np.zeros(32_000, np.float32), noise[:48_000]):
            served = await asr.final(AsrRequest(audio, True, spoken=Spoken(((0.0, 0.2),))), session="1")
            assert (served.value.text, served.value.words) == ("", ())


async def test_a_real_loop_is_ended_by_more_silence(tiny, sentence, monkeypatch):
    """The real model behind the queue, with a guard that distrusts whatever was heard without the full window."""
    monkeypatch.setattr("inference.asr.whisper.suspicious", lambda *about: len(tried) < 3)
    tried = []
    transcribe = tiny.transcribe

    def counted(requests, mels=None):
        tried.extend(requests)
        return transcribe(requests, mels)

    monkeypatch.setattr(tiny, "transcribe", counted)
    async with recogniser(tiny) as asr:
        served = await asr.final(AsrRequest(sentence, True), session="1")
    assert [request.frames for request in tried] == [0, 1400, 3000]
    assert served.value.retried
    assert "numb" in served.value.text


SPANISH = HeardLanguage("es", 0.97, 0.01)
INVENTED = said("I have a cough", -0.8, heard=SPANISH, tokens=6)
OWN = Hypothesis("Tengo tos", "es", -0.3, heard=HeardLanguage("es", 0.97, 0.97), tokens=6)


async def test_a_span_in_another_language_is_written_in_that_language_and_its_invented_english_goes_nowhere():
    engine = Script(INVENTED, OWN)
    async with recogniser(engine) as asr:
        served = await asr.final(SPAN, session="1")
    assert (served.value.text, served.value.language, served.value.retried) == ("Tengo tos", "es", True)
    assert [(r.language, r.prompt) for r in engine.requests] == [("en", SPAN.prompt), ("es", "")]


async def test_english_that_sounds_like_another_language_stays_where_its_text_is_the_likelier_one():
    for heard in (SPANISH, HeardLanguage("es", 0.6, 0.1)):
        engine = Script(replace(INVENTED, heard=heard), replace(OWN, logprob=-0.9, tokens=9))
        async with recogniser(engine) as asr:
            served = await asr.final(SPAN, session="1")
        assert (served.value.text, served.value.language) == ("I have a cough", "en")


async def test_a_loop_makes_way_for_what_was_said_in_another_language_however_likely_it_is():
    engine = Script(replace(INVENTED, logprob=-0.2, tokens=40, doubtful=True), OWN)
    async with recogniser(engine) as asr:
        served = await asr.final(SPAN, session="1")
    assert served.value.text == "Tengo tos"


async def test_a_doubtful_text_in_the_language_that_was_heard_is_tried_again_in_that_language():
    engine = Script(INVENTED, replace(OWN, doubtful=True), replace(OWN, text="Tengo mucha tos"))
    async with recogniser(engine) as asr:
        served = await asr.final(SPAN, session="1")
    assert served.value.text == "Tengo mucha tos"
    assert [(r.language, r.frames) for r in engine.requests] == [("en", 0), ("es", 0), ("es", 1400)]


async def test_a_text_that_stays_doubtful_in_the_language_that_was_heard_replaces_none_that_is_not_doubtful():
    loop = replace(OWN, text="Tengo tos tengo tos tengo tos", logprob=-0.1, doubtful=True)
    engine = Script(INVENTED, loop)
    async with recogniser(engine) as asr:
        served = await asr.final(SPAN, session="1")
    assert (served.value.text, served.value.language) == ("I have a cough", "en")
    assert [(r.language, r.frames) for r in engine.requests] == [("en", 0), ("es", 0), ("es", 1400), ("es", 3000)]


async def test_a_text_that_is_no_longer_doubtful_after_a_second_try_is_compared_by_its_own_likelihood():
    loop = replace(OWN, text="Tengo tos tengo tos tengo tos", logprob=-0.1, doubtful=True)
    engine = Script(INVENTED, loop, replace(OWN, logprob=-0.9, tokens=9))
    async with recogniser(engine) as asr:
        served = await asr.final(SPAN, session="1")
    assert (served.value.text, served.value.language) == ("I have a cough", "en")


async def test_where_both_languages_stay_doubtful_and_the_other_is_less_likely_the_one_asked_for_is_tried_again():
    loop = replace(OWN, text="Tengo tos tengo tos tengo tos", logprob=-1.1, tokens=12, doubtful=True)
    engine = Script(replace(INVENTED, doubtful=True), loop, loop, loop, said("Any cough?"))
    async with recogniser(engine) as asr:
        served = await asr.final(SPAN, session="1")
    assert (served.value.text, served.value.language) == ("Any cough?", "en")
    assert [r.language for r in engine.requests] == ["en", "es", "es", "es", "en"]


async def test_a_few_words_that_are_heard_badly_are_not_written_in_a_script_whose_tokens_are_smaller():
    """What base heard where a clinician asked "Have you had any itching in the ear?" in a room."""
    english = said("Have any etching in the ear", -0.917, heard=HeardLanguage("ja", 0.79, 0.07), tokens=9)
    engine = Script(english, Hypothesis("幅に落ちなせないや。", "ja", -0.706, tokens=12))
    async with recogniser(engine) as asr:
        served = await asr.final(replace(SPAN, spoken=Spoken(((0.0, 2.0),))), session="1")
    assert (served.value.text, served.value.language) == (english.text, "en")
    assert [r.language for r in engine.requests][:2] == ["en", "ja"]


async def test_a_short_sentence_is_written_in_its_language_where_invented_english_is_as_likely_by_the_token():
    russian = HeardLanguage("ru", 0.99, 0.001)
    engine = Script(said("Yes, of course.", -0.49, heard=russian, tokens=7), Hypothesis("Да.", "ru", -0.52, tokens=6))
    async with recogniser(engine) as asr:
        served = await asr.final(replace(SPAN, spoken=Spoken(((0.0, 1.3),))), session="1")
    assert (served.value.text, served.value.language) == ("Да.", "ru")


async def test_one_word_in_another_language_costs_no_second_try():
    engine = Script(INVENTED)
    async with recogniser(engine) as asr:
        served = await asr.final(replace(SPAN, spoken=Spoken(((0.5, 1.0),))), session="1")
    assert (served.value.text, len(engine.requests)) == ("I have a cough", 1)


async def test_a_partial_in_another_language_than_it_was_asked_for_shows_nothing():
    engine = Script(INVENTED)
    async with recogniser(engine) as asr:
        served = await asr.partial(replace(SPAN, final=False), session="1")
    assert (served.value.text, len(engine.requests)) == ("", 1)


def timed(text, *times, language="en", **about):
    words = tuple(Word(w, start, end, 0.9) for w, (start, end) in zip(text.split(), times, strict=True))
    return Hypothesis(text, language, -0.3, words=words, **about)


async def test_a_stretch_in_another_language_that_was_passed_over_is_written_in_its_own():
    whole = timed("Where is it?", (0.0, 0.3), (0.3, 0.5), (0.5, 0.8), heard=HeardLanguage("en", 0.8, 0.8))
    invented = replace(timed("The pain here", (0.0, 0.5), (0.5, 1.5), (1.5, 3.0), heard=SPANISH), logprob=-0.8)
    own = timed("El dolor", (0.0, 0.5), (0.5, 1.5), language="es", heard=SPANISH)
    rest = timed("aquí", (0.0, 0.6), language="es", heard=SPANISH)
    engine = Script(whole, invented, own, rest, rest)
    async with recogniser(engine) as asr:
        served = await asr.final(SPAN, session="1")
    assert served.value.text.startswith("Where is it? El dolor")
    assert "pain" not in served.value.text
    assert served.value.language == "mul"
    assert [r.language for r in engine.requests][:3] == ["en", "en", "es"]


NAMED = replace(SPAN, spoken=Spoken(((0.0, 2.5),)), vocabulary=Vocabulary([Term("Oyelaran")]))


def spoken(text):
    words = tuple(Word(word, i * 0.5, i * 0.5 + 0.4, 0.9) for i, word in enumerate(text.split()))
    return said(text, words=words)


async def test_a_name_of_the_vocabulary_is_written_where_a_second_decoding_hears_it():
    again = spoken("I saw Dr. Oyelaran um today.")
    again = replace(again, words=(*again.words[:3], replace(again.words[3], end=2.4), *again.words[4:]))
    engine = Script(spoken("I saw Dr. oil learn today."), again)
    async with recogniser(engine) as asr:
        served = await asr.final(NAMED, session="1")
        assert asr.second_tries == 1
    assert served.value.text == "I saw Dr. Oyelaran today."
    assert [(word.text, word.heard) for word in served.value.words if word.heard] == [("Oyelaran", "oil learn")]
    assert [request.hint for request in engine.requests] == ["", "Glossary: Oyelaran."]


async def test_what_a_second_decoding_does_not_hear_stays_as_it_was():
    for again in ("I saw Dr. oil learn today.", "Oyelaran saw me at home today."):
        engine = Script(spoken("I saw Dr. oil learn today."), spoken(again))
        async with recogniser(engine) as asr:
            served = await asr.final(NAMED, session="1")
        assert served.value.text == "I saw Dr. oil learn today."


async def test_a_second_decoding_that_looks_invented_names_nobody():
    told = replace(spoken("Oyelaran Oyelaran Oyelaran Oyelaran Oyelaran"), doubtful=True)
    engine = Script(spoken("I saw Dr. oil learn today."), told)
    async with recogniser(engine) as asr:
        served = await asr.final(NAMED, session="1")
    assert served.value.text == "I saw Dr. oil learn today."


async def test_a_span_without_anything_like_a_name_is_decoded_once_and_a_partial_always_is():
    engine = Script(spoken("I have a headache today."))
    async with recogniser(engine) as asr:
        await asr.final(NAMED, session="1")
        await asr.partial(replace(NAMED, final=False), session="1")
        assert (asr.second_tries, len(engine.requests)) == (0, 2)


LED = replace(SPAN, lead=Lead(np.zeros(2 * 16_000, np.float32), "I have"))


async def test_where_nothing_is_heard_behind_a_lead_the_span_is_decoded_by_itself_after_all_of_the_text():
    engine = Script(said(""), said("no fever"))
    async with recogniser(engine) as asr:
        served = await asr.final(LED, session="1")
    assert served.value.text == "no fever"
    assert [request.lead for request in engine.requests] == [LED.lead, None]
    assert engine.requests[1].prompt == "Good morning. I have"
    silent = Script(said(""))
    async with recogniser(silent) as asr:
        await asr.final(SPAN, session="1")
    assert len(silent.requests) == 1, "without a lead there is nothing else to try"


async def test_a_doubtful_final_keeps_its_lead_and_a_final_in_another_language_does_not():
    engine = Script(said("no no no", doubtful=True), said("no fever"))
    async with recogniser(engine) as asr:
        await asr.final(LED, session="1")
    assert [request.lead for request in engine.requests] == [LED.lead, LED.lead]
    spanish = HeardLanguage("es", 0.99, 0.001)
    other = Script(said("a weak text", -1.5, heard=spanish), replace(said("no tengo fiebre"), language="es"))
    async with recogniser(other) as asr:
        await asr.final(LED, session="1")
    assert [request.lead for request in other.requests] == [LED.lead, None]
