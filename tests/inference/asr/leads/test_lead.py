"""What is said before a seam is heard with the span behind it, and not said again. See also test_seams.py."""

from dataclasses import replace

import numpy as np
import pytest

from inference.asr.hypothesis import AsrRequest
from inference.asr.leads.lead import Lead
from inference.asr.whisper import WhisperAsr
from inference.config import AsrConfig
from inference.transcript import Word
from inference.weights.models import default_cache, resolve

RATE = 16_000


def behind(words, after):
    """The seconds at which the last of these words begins, less what is needed to hear it whole."""
    return next(word.start for word in words if word.text.strip(",.") == after)


def split(model, sentence, after):
    """A request for the words from `after` on, and one that has those before it as its lead."""
    (whole,) = model.transcribe([AsrRequest(sentence, True)])
    at = int(behind(whole.words, after) * RATE)
    before = " ".join(word.text for word in whole.words if word.start * RATE < at)
    plain = AsrRequest(sentence[at:], True)
    return whole, at, plain, replace(plain, lead=Lead(sentence[:at], before))


def test_the_words_behind_a_lead_are_those_of_the_span_with_times_in_it(tiny, sentence):
    whole, at, _, request = split(tiny, sentence, "lower")
    (heard,) = tiny.transcribe([request])
    assert f"{request.lead.text} {heard.text}" == whole.text
    assert [word.text for word in heard.words] == heard.text.split()
    expected = [word for word in whole.words if word.start * RATE >= at]
    for word, other in zip(heard.words, expected, strict=True):
        assert abs(word.end - (other.end - at / RATE)) <= 0.1
        assert 0 <= word.start <= word.end <= request.seconds
    assert not heard.doubtful


def test_the_score_is_that_of_the_words_behind_the_lead(tiny, sentence):
    _, _, plain, request = split(tiny, sentence, "about")
    assert abs(tiny.transcribe([request])[0].logprob - tiny.transcribe([plain])[0].logprob) < 0.5
    wrong = replace(request, lead=Lead(request.lead.audio, "The committee voted against the new motorway on"))
    assert abs(tiny.transcribe([wrong])[0].logprob - tiny.transcribe([plain])[0].logprob) < 0.5


def test_leads_of_unequal_length_share_a_batch_and_are_heard_as_alone(tiny, sentence):
    requests = [request for after in ("pain", "lower", "about") for request in split(tiny, sentence, after)[2:]]
    assert tiny.transcribe(requests) == [tiny.transcribe([request])[0] for request in requests]


@pytest.mark.parametrize("torch_encoder", [False, True])
def test_a_lead_is_heard_as_on_cuda_without_timestamps_and_by_the_encoder_in_torch(sentence, torch_encoder):
    config = AsrConfig(timestamps=False, weigh_names=False, torch_encoder=torch_encoder)
    asr = WhisperAsr(resolve("tiny.en", default_cache()), config)
    whole, _, _, request = split(asr, sentence, "lower")
    (heard,) = asr.transcribe([request])
    assert f"{request.lead.text} {heard.text}" == whole.text


def test_the_encoder_hears_the_lead_and_the_span(tiny, sentence):
    _, _, _, request = split(tiny, sentence, "lower")
    assert tiny.frames(request) == tiny.frames(AsrRequest(sentence, True))
    assert np.array_equal(request.heard, sentence)


def test_a_lead_begins_with_a_word_that_its_audio_holds_whole():
    words = [Word("I", -4.2, -4.0, 0.9), Word("have", -3.9, -1.5, 0.9), Word("pain.", -1.5, 0.05, 0.9)]
    audio = np.arange(4 * RATE, dtype=np.float32)
    lead = Lead.of(words, audio)
    assert lead is not None
    assert (lead.text, lead.seconds) == ("have pain.", 3.9)
    assert lead.audio[-1] == audio[-1]


def test_without_words_or_audio_before_a_seam_there_is_no_lead():
    assert Lead.of([], np.zeros(RATE, np.float32)) is None
    assert Lead.of([Word("pain.", -1.5, 0.0, 0.9)], np.zeros(RATE, np.float32)) is None
    assert Lead.of([Word("pain.", -1.5, 0.0, 0.9)], np.zeros(0, np.float32)) is None
