import random
from itertools import product

import pytest

from inference.extraction.words.sounds import Node, coded, nearest, sound_of, weight
from inference.terms.hearing import with_terms
from inference.terms.vocabulary import (
    BESIDE,
    MAX_CANDIDATES,
    MAX_WORDS,
    MIN_WEIGHT,
    NEAR,
    Candidate,
    Term,
    Vocabulary,
    letters_of,
)
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
    both = Vocabulary([Term("Oyelaran")], site)
    heard = words("Zell Norm for oh yell Aaron")
    assert {c.term for c in both.candidates(heard)} == {"Zelnorm", "Oyelaran"}
    assert {c.term for c in site.candidates(heard)} == {"Zelnorm"}


def test_letters_lose_their_accents_and_apostrophes():
    assert letters_of("Ménière's 2nd O\u2019Brien") == ["menieres", "nd", "obrien"]


def plain(terms, spoken):
    """The candidates of words without a spelt term, by comparing every name with every place, nearest first."""
    root = Node()
    for term in terms:
        sound = coded(sound_of(letters_of(term)[0]))
        if weight(sound) >= MIN_WEIGHT:
            root.add(sound, term)
    sounds = [coded("".join(map(sound_of, letters_of(word.text)))) for word in spoken]
    found = set()
    for first in range(len(spoken)):
        heard, ends = [], {}
        for end in range(first + 1, min(first + MAX_WORDS, len(spoken)) + 1):
            heard += sounds[end - 1]
            ends[len(heard)] = end
        near = nearest(root, heard, list(ends), NEAR * BESIDE, lambda weight: NEAR * BESIDE * weight)
        found |= {(distance, first, ends[length], term) for distance, length, term in near}
    chosen = []
    for distance, first, end, term in sorted(found):
        place = Candidate(term, first, end, distance)
        if distance <= NEAR and len(chosen) < MAX_CANDIDATES and not any(place.meets(other) for other in chosen):
            chosen.append(place)
    return [
        (c, sorted((f, e) for _, f, e, term in found if term == c.term and free(Candidate(term, f, e, 0), c, chosen)))
        for c in chosen
    ]


def free(place, candidate, chosen):
    return place.meets(candidate) and not any(place.meets(other) for other in chosen if other is not candidate)


@pytest.mark.parametrize("seed", range(12))
def test_the_candidates_are_those_that_comparing_every_name_with_every_place_finds(seed):
    rng = random.Random(seed)
    syllables = ["".join(parts) for parts in product("bdfgklmnprstvz", "aeiou", ("", "n", "l", "r", "x"))]
    names = {"".join(rng.sample(syllables, rng.randint(2, 4))).capitalize() for _ in range((10, 60, 300)[seed % 3])}
    common = [word.text for word in words("so I would like to start you on it once a day and the pain began last week")]
    spoken = words(" ".join(rng.choice([*common, *rng.sample(syllables, 6)]) for _ in range(25)))
    terms = sorted(names)
    site = Vocabulary(map(Term, terms[::2]))
    both = Vocabulary(map(Term, terms[1::2]), site)
    found = both.candidates(spoken)
    assert not any(c.spelt for c in found)
    assert [(Candidate(c.term, c.first, c.end, c.distance), list(c.others)) for c in found] == plain(terms, spoken)
