from dataclasses import replace

from inference.terms.hearing import hint, with_terms
from inference.terms.vocabulary import Candidate
from inference.transcript import Word


def words(text, start=0.0):
    return tuple(Word(word, start + i * 0.5, start + i * 0.5 + 0.4, 0.8) for i, word in enumerate(text.split()))


SAID = words("I saw Doctor oh yell Aaron, last week.")
PLACE = Candidate("Oyelaran", 3, 6, 0.3)


def texts(found):
    return " ".join(word.text for word in found)


def test_a_term_that_is_heard_again_stands_over_the_words_that_it_replaces():
    found = with_terms(SAID, words("I saw Doctor um Oyelaran, last week."), [PLACE])
    assert texts(found) == "I saw Doctor Oyelaran, last week."
    (term,) = [word for word in found if word.heard]
    assert (term.heard, term.start, term.end) == ("oh yell Aaron,", SAID[3].start, SAID[5].end)


def test_everything_else_stays_as_it_was_heard_first():
    again = words("You saw Doctor um Oyelaran, next month.")
    assert texts(with_terms(SAID, again, [PLACE])) == "I saw Doctor Oyelaran, last week."


def test_a_term_that_is_not_heard_again_or_somewhere_else_changes_nothing():
    assert with_terms(SAID, words("I saw Doctor oh yeah Aaron, last week."), [PLACE]) == SAID
    assert with_terms(SAID, words("Oyelaran saw I Doctor oh yell Aaron, last week."), [PLACE]) == SAID
    assert with_terms(SAID, (), [PLACE]) == SAID


def test_of_the_places_that_sound_like_a_term_the_one_at_its_time_is_replaced():
    said = words("I saw Doctor oil learn today.")
    again = list(words("I saw Doctor Oyelaran um today."))
    again[3] = replace(again[3], end=2.4)
    short = Candidate("Oyelaran", 4, 5, 0.3, others=((4, 5), (3, 5), (3, 6)))
    assert texts(with_terms(said, again, [short])) == "I saw Doctor Oyelaran today."
    again[3] = replace(again[3], start=2.0)
    assert texts(with_terms(said, again, [short])) == "I saw Doctor oil Oyelaran today."


def test_a_term_of_several_words_shares_their_time_and_tells_once_what_was_heard():
    said = words("They sent me to van der mule and back.")
    again = words("They sent me to Van der Meulen and back.")
    found = with_terms(said, again, [Candidate("Van der Meulen", 4, 7, 0.2)])
    assert texts(found) == "They sent me to Van der Meulen and back."
    assert [word.heard for word in found if word.heard] == ["van der mule"]
    assert [word.start for word in found] == sorted(word.start for word in found)


def test_two_places_of_one_span_are_judged_apart():
    said = words("oh yell Aaron met Zell Norm")
    again = words("oh Oyelaran Aaron met Zell Norm")
    both = [Candidate("Oyelaran", 0, 3, 0.3), Candidate("Zelnorm", 4, 6, 0.1)]
    assert texts(with_terms(said, again, both)) == "Oyelaran met Zell Norm"


def test_the_hint_names_each_term_once():
    assert hint([PLACE, PLACE, Candidate("Zelnorm", 0, 1, 0.1)]) == "Glossary: Oyelaran, Zelnorm."
