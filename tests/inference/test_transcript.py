from inference.transcript import Segment, Transcript, Word, word_span


def segment(text: str, words: tuple[Word, ...] = (), final: bool = True) -> Segment:
    return Segment("s1", "unknown", 10.0, 20.0, text, final, words)


def test_a_partial_is_replaced_and_a_final_closes_it():
    transcript = Transcript()
    transcript.add(segment("no", final=False))
    transcript.add(segment("no fe", final=False))
    assert transcript.partials["unknown"].text == "no fe"
    transcript.add(segment("No fever."))
    assert transcript.partials == {}
    assert transcript.text() == "No fever."


def test_a_quote_is_spoken_from_its_first_word_to_its_last():
    words = (
        Word("No", 10.5, 11.0, 0.9),
        Word("fever,", 11.0, 12.0, 0.9),
        Word("no", 13.0, 13.2, 0.9),
        Word("rash.", 13.2, 14.0, 0.9),
    )
    text = "No fever, no rash."
    assert word_span(segment(text, words), text.index("fever"), text.index("fever") + 5) == (11.0, 12.0)
    assert word_span(segment(text, words), text.index("no rash"), len(text)) == (13.0, 14.0)


def test_without_words_its_time_is_linear_in_the_text():
    assert word_span(segment("0123456789"), 2, 5) == (12.0, 15.0)
