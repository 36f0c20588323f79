"""How words sound, and how far sounds lie apart."""

import pytest

from inference.extraction.words.sounds import (
    CODES,
    CONSONANTS,
    GAP,
    SUBSTITUTION,
    VOWELS,
    Node,
    coded,
    dictionary,
    nearest,
    sound_of,
    spelled_out,
    weight,
)


def distance(name: str, heard: str) -> float:
    root = Node()
    root.add(coded(name), name)
    return min(
        (d for d, _, _ in nearest(root, coded(heard), [len(heard)], 10.0, lambda weight: 10.0 * weight)), default=99.0
    )


def test_an_ordinary_word_sounds_as_the_dictionary_says_and_another_as_it_is_spelled() -> None:
    assert sound_of("april") == dictionary()["april"] == "epr@l"
    assert "metformin" not in dictionary()
    assert sound_of("metformin") == spelled_out("metformin") == "mEtformIn"


@pytest.mark.parametrize("word", ["phenytoin", "xarelto", "chlorhexidine", "co", "q", "zzz", "ñandú", "42", ""])
def test_any_word_has_a_sound_of_known_phonemes(word: str) -> None:
    assert set(spelled_out(word)) <= set(VOWELS + CONSONANTS)


def test_every_sound_of_the_dictionary_has_known_phonemes() -> None:
    assert {phoneme for sound in dictionary().values() for phoneme in sound} <= set(VOWELS + CONSONANTS)


def test_costs_are_symmetric_nothing_for_the_same_and_less_for_what_is_confused() -> None:
    for a, row in enumerate(SUBSTITUTION):
        assert row[a] == 0.0
        assert all(row[b] == SUBSTITUTION[b][a] for b in range(len(row)))
    (p, b, k, s), (i, e) = coded("pbks"), coded("iI")
    assert SUBSTITUTION[p][b] < SUBSTITUTION[p][k] < SUBSTITUTION[p][s]
    assert SUBSTITUTION[i][e] < min(GAP[p], GAP[i])


def test_the_distance_is_the_weighted_edit_distance_over_the_weight_of_the_name() -> None:
    assert distance("mEtformIn", "mEtformIn") == 0.0
    (t, d) = coded("td")
    assert distance("mEt", "mEd") == pytest.approx(SUBSTITUTION[t][d] / weight(coded("mEt")))
    assert distance("mEt", "mE") == pytest.approx(GAP[t] / weight(coded("mEt")))
    assert distance("mEt", "mEtd") == pytest.approx(GAP[d] / weight(coded("mEt")))


def test_names_are_found_at_each_end_within_the_limit_and_not_beyond_it() -> None:
    root = Node()
    for name in ("mEt", "mEtformIn", "lYsIn"):
        root.add(coded(name), name)
    heard = coded("mEtformEn")
    found = {(end, name): d for d, end, name in nearest(root, heard, [3, 9], 0.1, lambda weight: 0.1 * weight)}
    assert set(found) == {(3, "mEt"), (9, "mEtformIn")}
    assert list(nearest(root, heard, [3, 9], 0.0, lambda _: 0.0)) == [(0.0, 3, "mEt")]
    assert list(nearest(root, [], [0], 0.1, lambda weight: 0.1 * weight)) == []


def test_an_end_may_allow_less_than_the_others() -> None:
    root = Node()
    for name in ("mEt", "mEtformIn"):
        root.add(coded(name), name)
    heard = coded("mEdformIn")
    t, d = CODES["t"], CODES["d"]
    every = {(end, name) for _, end, name in nearest(root, heard, [3, 9], 1.0, lambda _: SUBSTITUTION[t][d])}
    assert every == {(3, "mEt"), (9, "mEtformIn")}
    narrow = nearest(root, heard, [3, 9], 1.0, lambda _: SUBSTITUTION[t][d], {3: lambda _: SUBSTITUTION[t][d] / 2})
    assert {(end, name) for _, end, name in narrow} == {(9, "mEtformIn")}


def test_two_sounds_differ_by_the_difference_of_their_weights_at_least() -> None:
    # The search gives up by it what no rest of a sound can bring near.
    for a, prices in enumerate(SUBSTITUTION):
        for b, price in enumerate(prices):
            assert price >= abs(GAP[a] - GAP[b]) - 1e-9
