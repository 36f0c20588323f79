"""The search in arrays finds what the search in the tree finds."""

import random

import pytest

from inference.extraction.words.sounds import GAP, Node, coded, nearest
from inference.terms.index import Index


def sounds(rng: random.Random, count: int, longest: int) -> list[tuple[int, ...]]:
    return [tuple(rng.randrange(len(GAP)) for _ in range(rng.randint(1, longest))) for _ in range(count)]


def changed(rng: random.Random, sound: tuple[int, ...]) -> tuple[int, ...]:
    """The sound as somebody may mishear it: a phoneme replaced, one left out, one added, and more behind it."""
    made = list(sound)
    made[rng.randrange(len(made))] = rng.randrange(len(GAP))
    del made[rng.randrange(len(made))]
    made.insert(rng.randint(0, len(made)), rng.randrange(len(GAP)))
    return (*made, *sounds(rng, 1, 8)[0])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("limit", "share"), [(0.6, 0.6), (0.6, 0.24), (0.3, 0.3)])
def test_names_and_distances_are_those_of_the_search_in_the_tree(seed, limit, share):
    rng, root = random.Random(seed), Node()
    known = sounds(rng, 150, 12)
    names = [(sound, f"name {number}") for number, sound in enumerate([*known, *known[:5]])]
    for sound, name in names:
        root.add(sound, name)
    heard = [*sounds(rng, 20, 25), *(changed(rng, sound) for sound in known[:30]), *known[30:40], (), (3,)]
    ends = [sorted(rng.sample(range(len(sound) + 1), min(5, len(sound) + 1))) for sound in heard]
    found = sorted(Index(names).near(heard, ends, limit, share))
    plain = sorted(
        (place, distance, end, name)
        for place, sound in enumerate(heard)
        for distance, end, name in nearest(root, sound, ends[place], limit, lambda weight: share * weight)
    )
    assert found == plain
    assert len(found) >= 10


def test_a_name_that_is_heard_as_it_sounds_is_found_at_its_end_alone():
    index = Index([(coded("mEtformIn"), "metformin")])
    assert list(index.near([coded("mEtformIndelI")], [[9, 13]], 0.1, 0.1)) == [(0, 0.0, 9, "metformin")]


def test_an_index_of_no_name_and_a_text_of_no_word_find_nothing():
    assert list(Index([]).near([coded("mEt")], [[3]], 0.6, 0.6)) == []
    index = Index([(coded("mEt"), "met")])
    assert list(index.near([], [], 0.6, 0.6)) == []
    assert list(index.near([()], [[0]], 0.6, 0.6)) == []
