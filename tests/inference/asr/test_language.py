import pytest

from inference.asr.language import HeardLanguage, TrackLanguage, another, changed, is_written_in, likeliest
from inference.asr.language_names import NAMES, name

SPANISH = HeardLanguage("es", 0.97, 0.01)
ENGLISH = HeardLanguage("en", 0.97, 0.97)
PERHAPS_SPANISH = HeardLanguage("es", 0.6, 0.15)


def test_a_span_of_clear_speech_in_another_language_is_decoded_in_it_too():
    assert another(SPANISH, "en", 3.0, weak=False) == "es"


def test_languages_that_nobody_speaks_are_left_out_and_lend_their_share_to_no_other():
    assert likeliest({"la": 0.6, "es": 0.3, "en": 0.1}, "en") == HeardLanguage("es", 0.3, 0.1)
    assert likeliest({"nn": 0.2, "en": 0.8}, None) == HeardLanguage("en", 0.8, 0.8)


def test_where_the_text_is_weak_less_is_needed():
    heard = HeardLanguage("es", 0.45, 0.05)
    assert another(heard, "en", 3.0, weak=False) is None
    assert another(heard, "en", 3.0, weak=True) == "es"


@pytest.mark.parametrize(
    ("heard", "asked", "speech_s"),
    [
        (None, "en", 3.0),  # a model of one language
        (ENGLISH, "en", 3.0),
        (SPANISH, None, 3.0),  # it was written in the language that was heard
        (SPANISH, "en", 0.6),  # one word
        (HeardLanguage("cy", 0.45, 0.1), "en", 3.0),  # nothing is likely
        (HeardLanguage("es", 0.55, 0.4), "en", 3.0),  # two languages, or an accent
    ],
)
def test_a_span_stays_in_the_language_that_was_asked_for_where_the_evidence_is_thin(heard, asked, speech_s):
    assert another(heard, asked, speech_s, weak=False) is None


# What base heard in the room of a consultation, and of short sentences that synthetic voices said:
# the language, seconds of speech, and what the text gains there by the token and as a whole.
ENGLISH_HEARD_AS = [
    (HeardLanguage("ja", 0.79, 0.07), 2.0, 0.211, -0.2),  # "Have you had any itching in the ear?"
    (HeardLanguage("ja", 0.86, 0.041), 1.3, -0.09, -1.7),  # the same, cut elsewhere
    (HeardLanguage("zh", 0.72, 0.074), 1.5, 0.11, -1.4),
    (HeardLanguage("ms", 0.9, 0.084), 1.9, -0.08, -1.1),
    (HeardLanguage("ja", 0.93, 0.065), 3.0, -0.43, -7.3),
    (HeardLanguage("de", 0.46, 0.082), 2.1, 0.17, -0.2),
]
FOREIGN = [
    (HeardLanguage("ru", 0.99, 0.001), 1.3, -0.03, 0.3),  # "Да, конечно."
    (HeardLanguage("ja", 1.0, 0.0), 1.1, -0.06, 1.4),  # "大丈夫ですか。"
    (HeardLanguage("es", 0.97, 0.009), 1.4, -0.14, -1.1),  # "No tengo alergias."
    (HeardLanguage("pt", 1.0, 0.003), 1.1, -0.03, 0.5),  # "Como se sente?"
    (HeardLanguage("it", 0.63, 0.02), 1.1, 0.39, 3.2),  # "Non ho allergie."
    (HeardLanguage("fr", 0.98, 0.003), 1.1, 0.55, 3.0),  # "Avez-vous de la fièvre ?"
    (HeardLanguage("hi", 0.99, 0.004), 4.2, 0.29, -4.4),  # many tokens, each of them likelier
]


@pytest.mark.parametrize(("heard", "speech_s", "gain", "whole_gain"), ENGLISH_HEARD_AS)
def test_a_few_words_that_are_heard_badly_stay_in_the_language_that_was_asked_for(heard, speech_s, gain, whole_gain):
    assert not is_written_in(heard, speech_s, gain, whole_gain, doubtful=False, doubtful_there=False)


@pytest.mark.parametrize(("heard", "speech_s", "gain", "whole_gain"), FOREIGN)
def test_what_was_said_in_another_language_is_written_in_it(heard, speech_s, gain, whole_gain):
    assert is_written_in(heard, speech_s, gain, whole_gain, doubtful=False, doubtful_there=False)
    assert not is_written_in(heard, speech_s, gain, whole_gain, doubtful=False, doubtful_there=True)


def test_a_language_that_was_not_heard_at_all_can_be_compared_too():
    assert is_written_in(HeardLanguage("es", 0.9, 0.0), 1.5, 0.1, 0.0, doubtful=False, doubtful_there=False)


def test_of_two_texts_that_look_invented_the_one_that_was_asked_for_makes_way_where_it_is_no_loop():
    assert is_written_in(SPANISH, 1.5, gain=0.1, whole_gain=1.0, doubtful=True, doubtful_there=True)
    assert not is_written_in(SPANISH, 1.5, gain=-0.45, whole_gain=9.0, doubtful=True, doubtful_there=True)
    assert not is_written_in(SPANISH, 4.0, gain=0.1, whole_gain=-9.0, doubtful=True, doubtful_there=True)


def test_a_text_that_looks_invented_makes_way_for_one_that_does_not_where_that_is_likelier_as_a_whole():
    assert is_written_in(SPANISH, 1.5, gain=-0.1, whole_gain=6.0, doubtful=True, doubtful_there=False)
    badly = HeardLanguage("ko", 0.72, 0.143)
    assert not is_written_in(badly, 2.0, gain=0.16, whole_gain=-3.7, doubtful=True, doubtful_there=False)


def test_one_long_and_sure_span_changes_the_language_of_a_track_and_brings_it_back():
    track = TrackLanguage("en")
    assert track.hear("es", SPANISH, 3.5)
    assert track.code == "es"
    assert not track.hear("es", SPANISH, 3.5)
    assert track.hear("en", ENGLISH, 3.5)
    assert track.code == "en"


def test_short_spans_change_it_when_two_in_a_row_agree():
    track = TrackLanguage("en")
    assert not track.hear("es", SPANISH, 1.5)
    assert track.code == "en"
    assert track.hear("es", SPANISH, 1.5)


def test_a_clear_span_in_the_language_of_the_track_or_in_a_third_one_ends_an_agreement():
    for between in ("en", "fr"):
        track = TrackLanguage("en")
        track.hear("es", SPANISH, 1.5)
        assert not track.hear(between, HeardLanguage(between, 0.9), 1.5)
        assert not track.hear("es", SPANISH, 1.5)
        assert track.code == "en"


def test_a_word_says_nothing_for_or_against():
    track = TrackLanguage("en")
    assert not track.hear("es", SPANISH, 1.5)
    for heard, speech_s in ((ENGLISH, 0.5), (None, 3.0)):
        assert not track.hear("en", heard, speech_s)
    assert track.hear("es", SPANISH, 1.5)


def test_a_span_that_was_written_in_another_language_than_was_heard_says_nothing():
    track = TrackLanguage("en")
    for _ in range(5):
        assert not track.hear("en", PERHAPS_SPANISH, 3.0)
    assert track.code == "en"


def test_an_undeclared_language_is_the_first_that_is_clear():
    track = TrackLanguage(None)
    assert not track.hear("cy", HeardLanguage("cy", 0.7), 0.4)
    assert track.code is None
    assert track.hear("es", HeardLanguage("es", 0.6), 1.5)
    assert track.code == "es"


def test_a_model_of_one_language_settles_an_undeclared_language_at_once():
    track = TrackLanguage(None)
    assert track.hear("en", None, 0.3)
    assert track.code == "en"


def test_the_message_names_both_languages_and_the_second():
    message = changed("en", "es", 34.2)
    assert "Spanish is spoken from 34 s on" in message
    assert "no longer English" in message


def test_every_language_of_whisper_has_a_name():
    assert len(NAMES) == 100
    assert (name("ht"), name("haw"), name("xx")) == ("Haitian Creole", "Hawaiian", "xx")
