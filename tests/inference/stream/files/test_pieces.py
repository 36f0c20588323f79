"""The parts in which a long span is handed out."""

from inference.stream.files.pieces import SENTENCE_S, pieces
from inference.transcript import Segment, Word


def spoken(text: str, seconds: float = 1.0) -> Segment:
    """Each word takes `seconds`, from 10 s of the recording on."""
    words = [
        Word(word, 10 + number * seconds, 10 + (number + 1) * seconds, 0.9) for number, word in enumerate(text.split())
    ]
    return Segment("p3", "patient", 9.6, words[-1].end + 0.4, text, True, tuple(words), "de")


def test_a_pause_between_two_words_divides_the_segment_there():
    segment = spoken("no fever and no cough")
    first, second = pieces(segment, [(11.9, 12.4), (13.6, 14.0)])
    assert (first.id, first.text, first.start, first.end) == ("p3", "no fever", 9.6, 12.0)
    assert (second.id, second.text, second.start, second.end) == ("p3", "and no cough", 12.0, 15.4)
    assert first.words + second.words == segment.words
    assert {(one.speaker, one.language, one.final) for one in (first, second)} == {("patient", "de", True)}


def test_a_sentence_ends_a_part_that_is_long_enough_and_no_shorter_one():
    parts = pieces(spoken("Yes. I had it on Monday. It went away."), [])
    assert [part.text for part in parts] == ["Yes. I had it on Monday.", "It went away."]
    assert SENTENCE_S > 1


def test_the_parts_joined_are_the_text_whatever_stands_between_its_words():
    text = "Yes,  then – well. Nothing  more."
    words = tuple(
        Word(w, float(i), i + 1.0, 0.9) for i, w in enumerate(("Yes,", "then", "–", "well.", "Nothing", "more."))
    )
    parts = pieces(Segment("s1", "unknown", 0.0, 6.0, text, True, words), [(1.2, 1.8), (3.8, 4.4)])
    assert "".join(part.text for part in parts).replace(" ", "") == text.replace(" ", "")
    assert len(parts) == 3
    joined = Segment(
        "s1", "unknown", 0.0, 2.0, "熱です。咳", True, (Word("熱です。", 0, 1, 0.9), Word("咳", 1.5, 2, 0.9))
    )
    assert [part.text for part in pieces(joined, [(0.6, 1.2)])] == ["熱です。", "咳"]


def test_a_segment_without_words_or_with_others_than_its_text_has_stays_whole():
    plain = Segment("s1", "unknown", 0.0, 6.0, "no fever", True)
    assert pieces(plain, [(2.0, 4.0)]) == [plain]
    other = Segment("s1", "unknown", 0.0, 6.0, "no fever", True, (Word("no", 0, 1, 0.9), Word("favour", 4, 5, 0.9)))
    assert pieces(other, [(2.0, 4.0)]) == [other]
