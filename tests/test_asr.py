from dataclasses import replace

import numpy as np
import pytest

from inference.hypothesis import AsrRequest
from tests.test_end_to_end import REFERENCE, error_rate, words

SENTENCE = "I have had pain in my lower back for about two weeks, but no numbness."


def test_a_sentence_is_heard_and_its_words_have_times_in_order(base, sentence):
    (final,) = base.transcribe([AsrRequest(sentence, final=True)])
    assert error_rate(words(SENTENCE), words(final.text)) <= 0.15
    assert " ".join(word.text for word in final.words) == final.text
    starts = [word.start for word in final.words]
    assert starts == sorted(starts)
    assert 0 <= starts[0] < final.words[-1].end <= len(sentence) / 16_000 + 0.1
    assert final.language == "en"


def test_a_batch_of_mixed_lengths_kinds_and_prompts_answers_each_request_in_its_place(tiny, consultation):
    turns = [u for u in REFERENCE if u["end"] - u["start"] > 1.5][:6]
    spans = [consultation[int((u["start"] - 0.2) * 16_000) : int((u["end"] + 0.2) * 16_000)] for u in turns]
    requests = [
        AsrRequest(span, final=i % 2 == 0, prompt="A doctor and a patient talk." if i % 3 == 0 else "")
        for i, span in enumerate(spans)
    ]
    hypotheses = tiny.transcribe(requests)
    assert len(hypotheses) == len(requests)
    for turn, hypothesis in zip(turns, hypotheses, strict=True):
        assert error_rate(words(turn["text"]), words(hypothesis.text)) < 0.35, turn["text"]


def test_silence_and_noise_give_no_text(base, noise):
    silence = np.zeros(32_000, np.float32)
    hypotheses = base.transcribe([AsrRequest(audio, True, speech_s=0.2) for audio in (silence, noise[:48_000])])
    assert [(h.text, h.words) for h in hypotheses] == [("", ()), ("", ())]


def test_the_language_is_detected_where_none_is_given(base, sentence):
    (hypothesis,) = base.transcribe([AsrRequest(sentence, final=False, language=None)])
    assert hypothesis.language == "en"


@pytest.fixture
def windows(tiny, monkeypatch):
    """The lengths that the encoder heard, in frames."""
    heard: list[int] = []
    mel = tiny._mel.array

    def spy(spans, frames):
        heard.append(frames)
        return mel(spans, frames)

    monkeypatch.setattr(tiny._mel, "array", spy)
    return heard


@pytest.mark.parametrize("bad_tries", [1, 2])
def test_a_suspicious_final_is_decoded_again_with_ever_more_silence(tiny, sentence, windows, monkeypatch, bad_tries):
    monkeypatch.setattr("inference.asr.suspicious", lambda *about: len(windows) <= bad_tries)
    (hypothesis,) = tiny.transcribe([AsrRequest(sentence, final=True, prompt="Good morning.")])
    assert windows[1:] == [windows[0] + 1000, 3000][:bad_tries]
    assert hypothesis.retried
    assert hypothesis.text


def test_a_suspicious_partial_is_not_shown_and_costs_no_second_try(tiny, sentence, windows, monkeypatch):
    monkeypatch.setattr("inference.asr.suspicious", lambda *about: True)
    (hypothesis,) = tiny.transcribe([AsrRequest(sentence, final=False)])
    assert hypothesis.text == ""
    assert len(windows) == 1


@pytest.mark.parametrize("seconds", [0.3, 1.0, 5.0, 14.9, 30.0])
def test_the_encoder_never_hears_a_length_that_the_library_takes_for_a_mel(tiny, seconds):
    frames = tiny.encoder_frames(int(seconds * 16_000))
    assert frames // 2 != tiny.model.n_mels
    assert seconds * 100 <= frames <= 3000
    assert frames % 100 == 0


def test_a_final_that_stopped_listening_early_is_decoded_to_its_end(base, consultation, monkeypatch):
    turn = REFERENCE[3]  # "No fever, and no shortness of breath. But I get a bad headache in the evening."
    audio = consultation[int((turn["start"] - 0.2) * 16_000) : int((turn["end"] + 0.2) * 16_000)]
    decode, calls = base._decode, []

    def early(requests, prompts, frames):
        tries = decode(requests, prompts, frames)
        calls.append(requests[0].audio.size)
        if len(calls) > 1:
            return tries
        heard = tries[0].hypothesis
        kept = tuple(word for word in heard.words if word.end < 2.2)
        said = replace(heard, text=" ".join(word.text for word in kept), words=kept)
        return [replace(tries[0], hypothesis=said, suspicious=False, heard_s=kept[-1].end)]

    monkeypatch.setattr(base, "_decode", early)
    (hypothesis,) = base.transcribe([AsrRequest(audio, final=True)])
    assert calls[1] < calls[0]
    assert error_rate(words(turn["text"]), words(hypothesis.text)) < 0.2
    starts = [word.start for word in hypothesis.words]
    assert starts == sorted(starts)
    assert len(audio) / 16_000 - 1.5 < hypothesis.words[-1].end <= len(audio) / 16_000 + 0.1
