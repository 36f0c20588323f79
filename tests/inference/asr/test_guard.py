import pytest

from inference.asr.guard import (
    compression_ratio,
    crammed,
    most_repeated_trigram,
    repeats_itself,
    suspicious,
    unlooped,
    unstuttered,
)
from inference.transcript import Word

LOOPS = [
    "Does it go anywhere else? Does it go anywhere else?",
    "and sometimes I feel, and sometimes I feel like it",
    "So. So.",
    "no no no no no no no",
]


@pytest.mark.parametrize("text", LOOPS)
def test_a_loop_whose_words_take_no_time_is_suspicious(text):
    assert suspicious(text, logprob=-0.2, hit_limit=False, crammed=True, seconds=6.0)


@pytest.mark.parametrize("text", LOOPS)
def test_people_who_take_the_time_to_repeat_themselves_are_not(text):
    assert not suspicious(text, logprob=-0.2, hit_limit=False, crammed=False, seconds=6.0)


@pytest.mark.parametrize("crammed", [True, False])
@pytest.mark.parametrize(
    "text",
    ["Any fever? No, no fever.", "It's, it's really hard.", "I have had a cough for two or three weeks now.", ""],
)
def test_plain_speech_is_not_suspicious(text, crammed):
    assert not suspicious(text, logprob=-0.3, hit_limit=False, crammed=crammed, seconds=5.0)


def test_a_low_probability_a_hit_limit_a_flood_of_words_and_a_long_loop_always_are():
    flood = "one two three four five six seven eight nine ten"
    assert suspicious("I think so.", logprob=-1.2, hit_limit=False, crammed=False, seconds=2.0)
    assert suspicious("I think so.", logprob=-0.2, hit_limit=True, crammed=False, seconds=2.0)
    assert suspicious(flood, logprob=-0.2, hit_limit=False, crammed=False, seconds=0.5)
    assert suspicious("all right " * 30, logprob=-0.1, hit_limit=False, crammed=False, seconds=15.0)


def test_words_are_crammed_when_the_alignment_leaves_a_tenth_of_them_no_time():
    spoken = [Word("no", at * 0.3, at * 0.3 + 0.2, 0.9) for at in range(20)]
    timeless = Word("no", 6.0, 6.0, 0.9)
    assert not crammed(spoken)
    assert not crammed([*spoken, timeless])
    assert crammed([*spoken, timeless, timeless])
    assert not crammed([])


def test_the_measures_of_a_loop_are_exact():
    assert most_repeated_trigram(["a", "b", "c", "a", "b", "c", "d"]) == 2
    assert repeats_itself(["x", "a", "b", "c", "a", "b", "c"])
    assert not repeats_itself(["a", "b", "a", "b", "c"])
    assert compression_ratio("la " * 100) > 2.4 > compression_ratio("the quick brown fox jumps over the lazy dog")


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("no " * 40, "no no no"),
        ("no no no", "no no no"),
        ("well " + "i am not " * 9 + "sure", "well i am not i am not i am not sure"),
        ("it hurts here and here and there", "it hurts here and here and there"),
        ("a b " * 5 + "c " * 5 + "d", "a b a b a b c c c d"),
        ("", ""),
    ],
)
def test_a_loop_is_cut_to_what_a_person_may_say_and_nothing_else_is(said, left):
    words = said.split()
    assert " ".join(words[i] for i in unlooped(words)) == left


def test_of_a_loop_in_a_few_words_one_pass_is_left_where_that_is_asked_for():
    words = ["should", "i", "stay", "at", "home"] * 3
    assert unlooped(words) == list(range(15))
    assert unlooped(words, 1) == list(range(5))


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("try-" * 22 + "try", "try-try-try"),
        ("Tret-tret-tret-tret-tretinoin", "Tret-tret-tret-tretinoin"),
        ("twenty-four-hour", "twenty-four-hour"),
        ("no\u2013no\u2013no\u2013no.", "no\u2013no\u2013no"),
        ("1,000,000,000,000,000", "1,000,000,000,000,000"),
        ("-", "-"),
        ("", ""),
    ],
)
def test_a_loop_between_hyphens_is_cut_like_one_between_words(said, left):
    assert unstuttered(said) == left


def test_a_passage_that_is_said_again_with_small_differences_in_no_time_is_doubtful():
    said = "Hi So before we start could I confirm your name? Merry Richard. That's okay. So You"
    again = f"{said} Hi, um, so before we start could I confirm your name? Very Richard. That's okay. So?"
    assert suspicious(again, -0.2, False, True, 11.4)
    assert not suspicious(again, -0.2, False, False, 11.4), "people repeat a question too, and take time for it"
    assert not suspicious(said, -0.2, False, True, 11.4)
