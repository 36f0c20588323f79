"""Which class a lost word falls into, on spans and texts that are known."""

import numpy as np
import pytest

from benchmarks.common.corpus import Recording
from benchmarks.speech.deletions import Ear, watched
from benchmarks.speech.lost_words import Decoded, Lost, also_offline, deleted, kind_of, lost, reference
from inference.audio.decoding import Samples
from inference.transcript import Segment, Word
from inference.weights.models import default_cache, resolve

UTTERANCES = [
    {"start": 1.0, "end": 5.0, "speaker": "doctor", "text": "Do you take any metformin now?"},
    {"start": 4.5, "end": 6.5, "speaker": "patient", "text": "Yes every day."},
]


def span(start_s: float, end_s: float, text: str, *tries: str) -> Decoded:
    return Decoded(start_s, end_s, (text, *tries), text)


def segment(start: float, end: float, text: str) -> Segment:
    step = (end - start) / len(text.split())
    words = tuple(
        Word(w, round(start + i * step, 2), round(start + (i + 1) * step, 2), 1.0) for i, w in enumerate(text.split())
    )
    return Segment("s1", "unknown", start, end, text, True, words)


def test_words_are_spread_over_their_utterance_and_marked_where_both_speak() -> None:
    said = reference(UTTERANCES)
    assert [s.word for s in said] == ["do", "you", "take", "any", "metformin", "now", "yes", "every", "day"]
    assert [round(s.at_s, 2) for s in said[:2]] == [1.33, 2.0]
    assert [s.word for s in said if s.both] == ["now", "yes"]


def test_a_lost_word_lies_between_the_neighbours_that_were_heard() -> None:
    said = reference(UTTERANCES)
    heard = [("do", 1.1), ("you", 1.2), ("any", 4.0), ("metformin", 4.2), ("now", 4.4), ("yes", 5.0), ("every", 5.5)]
    gone = deleted(said, [*heard, ("day", 6.0)])
    assert gone == {2: pytest.approx(said[2].at_s)}
    assert deleted(said, [(w, t + 3) for w, t in heard] + [("day", 9.0)]) == {2: 4.2}


@pytest.mark.parametrize(
    ("at_s", "spans", "kind"),
    [
        (3.0, [span(1, 5, "you take any")], "skipped"),
        (4.8, [span(1, 5, "you take any")], "seam"),
        (5.2, [span(1, 5, "you take any")], "seam"),
        (6.0, [span(1, 5, "you take any")], "unopened"),
        (3.0, [span(1, 5, "", "you take metformin")], "suppressed"),
        (3.0, [span(1, 5, "metformin", "metformin metformin")], "suppressed"),
        (3.0, [span(7, 9, "", "metformin")], "unopened"),
        (3.0, [], "unopened"),
    ],
)
def test_a_lost_word_is_put_in_the_first_class_that_holds(at_s: float, spans: list[Decoded], kind: str) -> None:
    assert kind_of("metformin", at_s, spans) == kind


def test_every_lost_word_is_told_once_with_the_words_about_it() -> None:
    spans = [span(0.8, 6.8, "Do you take any now? Yes every day.")]
    found = lost(UTTERANCES, spans, [segment(1.0, 6.5, "Do you take any now? Yes every day.")])
    assert [(one.index, one.kind, one.around) for one in found] == [
        (4, "skipped", "do you take any METFORMIN now yes every day")
    ]
    assert isinstance(found[0], Lost)


def test_a_lost_word_that_offline_decoding_lacks_too_is_marked() -> None:
    said = "Do you take any now? Yes every day."
    found = lost(UTTERANCES, [span(0.8, 6.8, said)], [segment(1.0, 6.5, said)])
    assert [one.offline for one in also_offline(found, UTTERANCES, "Do you take any now? Yes.")] == [True]
    assert [one.offline for one in also_offline(found, UTTERANCES, "Do you take any metformin now?")] == [False]


def test_nothing_is_lost_of_what_was_heard_as_said() -> None:
    text = "Do you take any metformin now? Yes, every day."
    assert lost(UTTERANCES, [span(0.8, 6.8, text)], [segment(1.0, 6.5, text)]) == []


def test_a_watched_method_answers_as_before_and_is_put_back() -> None:
    class Adder:
        def add(self, one: int, other: int) -> int:
            return one + other

    plain, seen = Adder.add, []
    with watched(Adder, "add", lambda *args, result: seen.append((args, result))):
        assert Adder().add(1, 2) == 3
    assert seen == [((1, 2), 3)]
    assert Adder.add is plain


async def test_every_span_of_a_stream_has_its_tries_those_that_were_thrown_away_too(
    consultation: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.asr.phantoms.is_phantom", lambda said, speech_s: "fever" in said.text.lower())
    async with Ear(resolve("tiny.en", default_cache())) as ear:
        spans, finals = await ear.hear(Recording("sample", consultation[: 20 * 16_000], ""))
    assert not any("fever" in final.text.lower() for final in finals)
    silenced = [one for one in spans if not one.text]
    assert silenced
    for one in silenced:
        assert any("fever" in text.lower() for text in one.tries)
        assert kind_of("fever", float(np.mean([one.start_s, one.end_s])), spans) == "suppressed"
