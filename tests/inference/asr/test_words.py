from inference.asr.words import Alignment, timed_words


class Tokens:
    """Ids are places in a list of byte-level tokens."""

    names = ("ĠNo", "Ġfe", "ver", ",", "Ġdoctor", ".")

    def id_to_token(self, id):
        return self.names[id]

    def decode(self, ids):
        return "".join(self.names[id] for id in ids).replace("Ġ", " ")


def test_tokens_become_words_with_their_punctuation_and_the_time_up_to_the_next_word():
    path = [(0, 5), (0, 9), (1, 10), (2, 20), (3, 30), (4, 50), (5, 70), (6, 80), (6, 81)]
    words = timed_words(Tokens(), range(6), Alignment(path, [0.9, 0.8, 0.6, 0.7, 0.5, 0.5]))
    assert [(w.text, w.start, w.end, w.probability) for w in words] == [
        ("No", 0.1, 0.2, 0.9),
        ("fever,", 0.2, 1.0, 0.7),
        ("doctor.", 1.0, 1.6, 0.5),
    ]


def test_words_are_those_behind_the_first_tokens_with_times_that_all_of_them_have():
    path = [(0, 5), (0, 9), (1, 10), (2, 20), (3, 30), (4, 50), (5, 70), (6, 80), (6, 81)]
    words = timed_words(Tokens(), range(6), Alignment(path, [0.9, 0.8, 0.6, 0.7, 0.5, 0.5]), 1)
    assert [(w.text, w.start, w.end, w.probability) for w in words] == [
        ("fever,", 0.2, 1.0, 0.7),
        ("doctor.", 1.0, 1.6, 0.5),
    ]
    assert timed_words(Tokens(), range(6), Alignment(path, []), 6) == ()


def test_no_tokens_are_no_words_and_a_missing_path_is_no_error():
    assert timed_words(Tokens(), [], Alignment([], [])) == ()
    assert [word.text for word in timed_words(Tokens(), [0, 4], Alignment([], []))] == ["No", "doctor"]
