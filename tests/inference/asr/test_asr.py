from dataclasses import replace

import numpy as np
import pytest

from inference.asr.hypothesis import AsrRequest, Rehearsal
from inference.asr.whisper import WhisperAsr
from inference.config import AsrConfig
from inference.device.faults import DeviceError, OutOfMemory
from inference.weights.models import default_cache, resolve
from tests.inference.test_end_to_end import REFERENCE, error_rate, words

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


def test_the_language_is_detected_where_none_is_given(base, sentence):
    (hypothesis,) = base.transcribe([AsrRequest(sentence, final=False, language=None)])
    assert hypothesis.language == "en"


def test_the_language_of_every_final_of_a_batch_is_heard_whatever_it_is_asked_for_in(base, sentence, spanish):
    spans = [sentence[: len(spanish)], spanish[: len(sentence)]]
    english, other = base.transcribe([AsrRequest(span, final=True) for span in spans])
    assert (english.heard.code, english.language) == ("en", "en")
    assert english.heard.probability == english.heard.asked > 0.9
    assert (other.heard.code, other.language) == ("es", "en")
    assert other.heard.probability > 0.9 > 0.1 > other.heard.asked


def test_the_language_of_a_partial_is_looked_for_only_where_its_text_is_weak(base, sentence, spanish):
    english, other = base.transcribe([AsrRequest(span, final=False) for span in (sentence, spanish)])
    assert english.heard is None
    assert other.heard.code == "es"


def test_a_model_of_english_alone_hears_no_language(tiny, spanish):
    (hypothesis,) = tiny.transcribe([AsrRequest(spanish, final=True)])
    assert (hypothesis.language, hypothesis.heard) == ("en", None)


LONG_PROMPT = "Good morning. " + "I am the doctor, and this is about the pain in your back and how it began. " * 3


def mixed(consultation):
    """Sixteen spans of 0.8 to 13 s from all over the sample, finals and partials, with and without a prompt."""
    starts = np.linspace(0, len(consultation) - 13 * 16_000, 16).astype(int)
    seconds = [0.8, 1.5, 2.2, 3.0, 3.9, 4.7, 5.5, 6.4, 7.2, 8.1, 9.0, 9.9, 10.7, 11.5, 12.2, 13.0]
    return [
        AsrRequest(consultation[at : at + int(s * 16_000)], i % 3 != 0, prompt=LONG_PROMPT if i % 2 else "Hello.")
        for i, (at, s) in enumerate(zip(starts, seconds, strict=True))
    ]


@pytest.mark.parametrize(("size", "first", "end"), [("tiny", 0, 16), ("base", 4, 12)])
def test_a_span_gives_the_same_text_alone_and_in_a_batch_of_mixed_lengths(request, size, first, end, consultation):
    model = request.getfixturevalue(size)
    spans = mixed(consultation)[first:end]
    alone = [model.transcribe([span])[0] for span in spans]
    together = model.transcribe(spans)
    assert [h.text for h in together] == [h.text for h in alone]
    assert [[w.text for w in h.words] for h in together] == [[w.text for w in h.words] for h in alone]
    assert sum(bool(h.text) for h in alone) >= len(spans) - 2


def test_spans_of_one_length_have_the_same_words_times_and_scores_alone_and_in_a_batch(tiny, consultation):
    starts = range(0, len(consultation) - 5 * 16_000, 3 * 16_000)
    requests = [AsrRequest(consultation[at : at + 5 * 16_000], final=True) for at in starts][:12]
    together = [said for at in range(0, 12, 4) for said in tiny.transcribe(requests[at : at + 4])]
    assert len({len(said.words) for said in together}) > 3  # the shorter texts are padded
    assert together == [tiny.transcribe([request])[0] for request in requests]


def test_words_have_the_same_probabilities_beside_a_text_of_any_length(tiny, consultation):
    # Aligned together, the probabilities of the shorter text move by up to a thousandth, and its times by a step.
    spans = [consultation[16_000 * at : int(16_000 * (at + seconds))] for at, seconds in ((4, 2.6), (21, 2.9))]
    requests = [AsrRequest(span, final=True) for span in spans]
    said = tiny.tokenizer.encode(tiny.transcribe(requests[:1])[0].text, add_special_tokens=False).ids
    task, encoded = tiny._task("en"), tiny.encode(tiny.prepare(requests))
    [alone] = tiny._align(tiny.encode(tiny.prepare(requests[:1])), task, [said], [[]], requests[:1])
    assert len(alone) > 2
    longer = said * 6
    for length in range(1, 33):
        assert tiny._align(encoded, task, [said, longer[:length]], [[], []], requests)[0] == alone


def test_prompts_of_unequal_length_share_a_batch(tiny, sentence):
    prompts = ["", "Good morning.", LONG_PROMPT, LONG_PROMPT[40:]]
    requests = [AsrRequest(sentence, True, prompt=prompt) for prompt in prompts]
    together = tiny.transcribe(requests)
    assert [h.text for h in together] == [tiny.transcribe([request])[0].text for request in requests]
    assert all(h.text for h in together)


def test_what_was_prepared_before_is_heard_like_what_was_not(tiny, sentence, consultation):
    requests = [AsrRequest(sentence, True), AsrRequest(consultation[:80_000], False)]
    mels = tiny.prepare(requests)
    assert [mel.shape for mel in mels] == [(80, tiny.frames(request)) for request in requests]
    heard = tiny.transcribe(requests, [mels[0], None])
    assert [h.text for h in heard] == [h.text for h in tiny.transcribe(requests)]


def test_a_loop_and_an_early_end_are_told_apart_from_speech(tiny, sentence, monkeypatch):
    (sound,) = tiny.transcribe([AsrRequest(sentence, True)])
    assert not sound.doubtful
    assert len(sentence) / 16_000 - 1.5 < sound.words[-1].end <= len(sentence) / 16_000 + 1.0
    monkeypatch.setattr("inference.asr.whisper.suspicious", lambda *about: True)
    (loop,) = tiny.transcribe([AsrRequest(sentence, True)])
    assert loop.doubtful


def test_an_error_of_the_device_is_told_from_one_of_the_item(tiny, sentence, monkeypatch):
    def fails(error):
        def encode(features):
            raise error

        monkeypatch.setattr(tiny.model, "encode", encode, raising=False)

    class Model:
        def __getattr__(self, name):
            return getattr(model, name)

    model = tiny.model
    monkeypatch.setattr(tiny, "model", Model())
    fails(RuntimeError("CUDA failed with error out of memory"))
    with pytest.raises(OutOfMemory, match="asr-max-batch"):
        tiny.transcribe([AsrRequest(sentence, True)])
    fails(RuntimeError("a bug of ours"))
    with pytest.raises(RuntimeError, match="a bug of ours") as bug:
        tiny.transcribe([AsrRequest(sentence, True)])
    assert not isinstance(bug.value, DeviceError)


def test_a_model_that_is_started_anew_hears_as_before(sentence):
    model = WhisperAsr(resolve("tiny.en", default_cache()), AsrConfig(workers=1))
    (before,) = model.transcribe([AsrRequest(sentence, True)])
    model.restart()
    (after,) = model.transcribe([AsrRequest(sentence, True)])
    assert after.text == before.text != ""


def test_a_final_takes_the_hypothesis_of_its_beam_that_the_names_prefer_with_its_own_words_and_score(sentence):
    seen: list[str] = []

    def names(text: str) -> int:
        seen.append(text)
        return 1000 * (len(seen) == 2)  # the second one, however unlikely

    folder = resolve("tiny.en", default_cache())
    config = AsrConfig(workers=1, guard=False)
    (likeliest,) = WhisperAsr(folder, config).transcribe([AsrRequest(sentence, True)])
    (other,) = WhisperAsr(folder, config, names).transcribe([AsrRequest(sentence, True)])
    assert len(seen) == config.final_beam
    assert seen[0].strip() == likeliest.text
    assert seen[1].strip() == other.text == " ".join(word.text for word in other.words)
    assert other.logprob < likeliest.logprob
    (unweighed,) = WhisperAsr(folder, replace(config, weigh_names=False), names).transcribe(
        [AsrRequest(sentence, True)]
    )
    assert unweighed == likeliest


def test_a_rehearsal_works_as_long_as_it_says_whatever_is_heard(tiny, monkeypatch):
    made = []

    class Model:
        def __getattr__(self, name):
            return getattr(model, name)

        def generate(self, *args, **options):
            results = model.generate(*args, **options)
            made.extend(len(result.sequences_ids[0]) for result in results)
            return results

    model = tiny.model
    monkeypatch.setattr(tiny, "model", Model())
    tiny.rehearse(Rehearsal(final=True, seconds=4.0, tokens=20, batch=2))
    tiny.rehearse(Rehearsal(final=False, seconds=4.0, tokens=12, batch=1))
    assert made == [20, 20, 12]


def test_a_loop_of_an_english_partial_ends_sooner_than_that_of_a_final_or_of_another_language(
    base, sentence, monkeypatch
):
    made = []

    class Endless:
        def __getattr__(self, name):
            return getattr(model, name)

        def generate(self, *args, suppress_tokens, **options):
            results = model.generate(*args, suppress_tokens=[*suppress_tokens, base._end_of_text], **options)
            made.extend(len(result.sequences_ids[0]) for result in results)
            return results

    model = base.model
    monkeypatch.setattr(base, "model", Endless())
    partial_s, final_s = 5.0, 5.5  # the longest spans that share a length with the sentence
    for final, language in ((False, "en"), (False, "es"), (True, "en")):
        assert base.transcribe([AsrRequest(sentence, final, language)])[0].doubtful
    assert made == [8 + int(5 * partial_s), 16 + int(7 * partial_s), 16 + int(7 * final_s)]


def test_finals_of_one_length_of_the_ladder_are_decoded_together(tiny, consultation, monkeypatch):
    batches = []

    class Model:
        def __getattr__(self, name):
            return getattr(model, name)

        def generate(self, encoded, prompts, **options):
            batches.append(len(prompts))
            return model.generate(encoded, prompts, **options)

    model = tiny.model
    spans = [consultation[: int(seconds * 16_000)] for seconds in (3.7, 4.6, 5.5)]
    requests = [AsrRequest(span, True) for span in spans]
    assert len({tiny.frames(request) for request in requests}) == 1
    alone = [tiny.transcribe([request])[0] for request in requests]
    monkeypatch.setattr(tiny, "model", Model())
    assert tiny.transcribe(requests) == alone
    assert batches == [3]


def test_a_model_knows_its_languages_and_an_english_one_knows_english_alone(tiny, base):
    assert tiny.languages == {"en"}
    assert {"en", "de", "haw"} <= base.languages
    assert len(base.languages) == 99
    assert "eng" not in base.languages
