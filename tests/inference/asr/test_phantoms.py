from dataclasses import replace
from pathlib import Path

import pytest

from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.asr.phantoms import without_phantoms
from inference.asr.recognition import Recogniser
from inference.audio.segmenter import Segmenter
from inference.audio.spoken import Spoken
from inference.audio.vad_state import VadState
from inference.config import AsrConfig, SegmenterConfig
from inference.transcript import Word
from tests.support.speech import load_flac

SENTENCES = ("I still have this chest pain.", "No fever since Monday.", "Take two tablets every morning!")
PHANTOMS = (
    "Thank you for listening.",
    "Thank you so much for watching!",
    "Thanks for watching.",
    "Thank you for your attention.",
    "Please subscribe to my channel.",
    "Don't forget to like and subscribe.",
    "I'll see you next time.",
    "See you in the next video.",
    "Subtitles by the Amara.org community",
    "Transcribed by John Smith",
    "Gracias por ver el video.",
    "Subtítulos realizados por la comunidad de Amara.org",
    "Vielen Dank fürs Zuschauen!",
    "Untertitel der Amara.org-Community",
    "Merci d'avoir regardé cette vidéo.",
    "Sous-titres réalisés par la communauté d'Amara.org",
)
WORD_S = 0.28


def heard(*parts, logprob=-0.3, no_speech=0.05):
    """A hypothesis of (text, spoken, probability), its words 0.28 s each, and where there is speech in it."""
    words, runs, at = [], [], 0.0
    for text, spoken, probability in parts:
        begun = at
        for word in text.split():
            words.append(Word(word, round(at, 2), round(at + WORD_S, 2), probability))
            at += WORD_S
        if spoken:
            runs.append((begun, at))
    text = " ".join(part[0] for part in parts)
    return Hypothesis(text, "en", logprob, no_speech, tuple(words)), Spoken(tuple(runs))


@pytest.mark.parametrize("phantom", PHANTOMS)
@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("before", [True, False])
class TestBesideASentence:
    def parts(self, sentence, phantom, before):
        return [phantom, sentence] if before else [sentence, phantom]

    def test_a_phantom_over_silence_goes_alone(self, phantom, sentence, before):
        parts = [(text, text == sentence, 0.9) for text in self.parts(sentence, phantom, before)]
        said, spoken = heard(*parts)
        assert without_phantoms(said, spoken).text == sentence

    def test_a_phantom_that_takes_no_time_goes_alone(self, phantom, sentence, before):
        said, spoken = heard((sentence, True, 0.9))
        at = 0.0 if before else said.words[-1].end
        none = tuple(Word(word, at, at, 0.9) for word in phantom.split())
        words = none + said.words if before else said.words + none
        crammed = replace(said, text=" ".join(word.text for word in words), words=words)
        assert without_phantoms(crammed, spoken).text == sentence

    def test_a_phrase_that_was_said_stays(self, phantom, sentence, before):
        said, spoken = heard(*[(text, True, 0.9) for text in self.parts(sentence, phantom, before)])
        assert without_phantoms(said, spoken) == said

    def test_an_unlikely_phrase_over_noise_never_takes_the_sentence_with_it(self, phantom, sentence, before):
        parts = [(text, True, 0.9 if text == sentence else 0.35) for text in self.parts(sentence, phantom, before)]
        said, spoken = heard(*parts)
        assert sentence in without_phantoms(said, spoken).text


def test_a_phantom_between_two_sentences_goes_and_both_stay():
    said, spoken = heard(("I have a cough.", True, 0.9), ("Thanks for watching.", False, 0.8), ("No fever.", True, 0.9))
    left = without_phantoms(said, spoken)
    assert left.text == "I have a cough. No fever."
    assert [word.text for word in left.words] == left.text.split()


def test_a_likely_phrase_in_the_middle_is_no_phantom_by_its_probability():
    said, spoken = heard(("Doctor,", True, 0.9), ("thank you for listening", True, 0.4), ("to my heart.", True, 0.9))
    assert without_phantoms(said, spoken) == said


def test_the_name_behind_subtitles_by_goes_with_it_as_far_as_nobody_speaks():
    said, spoken = heard(("Subtitles by Anna Meyer", False, 0.8), ("I have pain.", True, 0.9))
    assert without_phantoms(said, spoken).text == "I have pain."


@pytest.mark.parametrize("text", ["[Music]", "(coughing)", "♪ ♪", "...", ""])
def test_what_nobody_can_say_is_no_text(text):
    said, spoken = heard((text, True, 0.9))
    assert without_phantoms(said, spoken).text == ""


@pytest.mark.parametrize("text", ["Thank you.", "Thanks.", "Bye.", "Noise.", "Music."])
def test_a_short_answer_stays_if_it_was_said_and_goes_over_a_click_or_a_breath(text):
    said, spoken = heard((text, True, 0.8), logprob=-1.1)
    assert without_phantoms(said, spoken) == said
    for bad in (
        heard((text, True, 0.3), logprob=-1.1),
        heard((text, True, 0.8), logprob=-0.3, no_speech=0.8),
    ):
        assert without_phantoms(*bad).text == ""


def test_a_sentence_is_no_phantom_for_its_length_and_an_unlikely_one_without_speech_is():
    said, spoken = heard(("No fever.", True, 0.7), logprob=-0.6, no_speech=0.7)
    assert without_phantoms(said, spoken) == said
    said, spoken = heard(("It was.", True, 0.7), logprob=-1.2, no_speech=0.9)
    assert without_phantoms(said, spoken).text == ""


async def test_a_voice_that_thanks_for_listening_is_transcribed_with_the_sentence_after_it(vad, tiny):
    audio = load_flac(Path(__file__).parents[2] / "data" / "thanks.flac")[0]
    probabilities = vad.speech_probabilities([audio], [VadState()])[0][0]
    segmenter = Segmenter(SegmenterConfig())
    spans = segmenter.push(audio, probabilities) + segmenter.flush()
    asr = Recogniser(tiny, AsrConfig())
    texts = [
        (await asr.final(AsrRequest(span.audio, True, spoken=span.spoken), session="1")).value.text for span in spans
    ]
    await asr.close()
    plain = " ".join(texts).lower()
    assert "thank you for listening" in plain
    assert "chest pain" in plain
