import pytest

from inference.terms.hearing import with_terms
from inference.terms.vocabulary import Term, Vocabulary, letters_of, vocabulary_of
from inference.transcript import Word


def words(text):
    return [Word(word, i * 0.5, i * 0.5 + 0.4, 0.8) for i, word in enumerate(text.split())]


def found(terms, text):
    known = Vocabulary([term if isinstance(term, Term) else Term(term) for term in terms])
    spoken = words(text)
    return {" ".join(word.text for word in spoken[c.first : c.end]): c.term for c in known.candidates(spoken)}


@pytest.mark.parametrize(
    ("term", "text", "place"),
    [
        ("Oyelaran", "I saw Doctor oh yell Aaron last week.", "oh yell Aaron"),
        ("Zelnorm", "I would like to start you on Zell Norm once a day.", "Zell Norm"),
        ("Kirkcudbright", "I live in Kirk could bright with my children.", "Kirk could bright"),
    ],
)
def test_words_that_sound_like_a_term_are_a_candidate(term, text, place):
    assert found([term], text) == {place: term}


def test_a_term_that_is_written_as_it_should_be_is_no_candidate():
    assert found(["Zelnorm", "Van der Meulen"], "Zelnorm, and Zelnorm's price, Van der Meulen.") == {}


def test_a_term_that_differs_in_spaces_and_capitals_alone_needs_no_second_hearing():
    spoken = words("Zel norm and ZELNORM's price.")
    spelt = Vocabulary([Term("Zelnorm")]).candidates(spoken)
    assert [(c.first, c.end, c.spelt) for c in spelt] == [(0, 2, True), (3, 4, True)]
    assert " ".join(word.text for word in with_terms(spoken, (), spelt)) == "Zelnorm and Zelnorm's price."


def test_a_way_of_saying_a_term_is_looked_for_beside_its_spelling():
    heard = "This is shivawn speaking today"
    assert found(["Siobhan"], heard) == {}
    assert found([Term("Siobhan", ("shivawn",))], heard) == {"shivawn": "Siobhan"}


def test_a_term_of_ordinary_words_and_one_that_is_too_short_change_nothing():
    assert found(["blood pressure", "Ann", "Bo", "\u03b1", "12"], "The bled pressure and an bow") == {}


def test_candidates_do_not_overlap_and_the_nearest_comes_first():
    known = Vocabulary(map(Term, ("Zelnorm", "Zelnorma", "Oyelaran")))
    chosen = known.candidates(words("Zell Norm oh yell Aaron Zell Norm oh yell Aaron"))
    assert len(chosen) == 3
    assert [c.distance for c in chosen] == sorted(c.distance for c in chosen)
    assert len({at for c in chosen for at in range(c.first, c.end)}) == sum(c.end - c.first for c in chosen)


def test_a_session_knows_its_own_terms_and_those_of_the_site_and_hands_none_on():
    site = Vocabulary([Term("Zelnorm")])
    both = vocabulary_of(["Oyelaran"], site)
    heard = words("Zell Norm for oh yell Aaron")
    assert {c.term for c in both.candidates(heard)} == {"Zelnorm", "Oyelaran"}
    assert {c.term for c in site.candidates(heard)} == {"Zelnorm"}
    assert vocabulary_of([], site) is site
    assert vocabulary_of([], None) is None


def test_letters_lose_their_accents_and_apostrophes():
    assert letters_of("Ménière's 2nd O\u2019Brien") == ["menieres", "nd", "obrien"]
