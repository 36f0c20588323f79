"""No repeated choice can read the same words in two ways: a pattern that can takes time that doubles with every word."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from re import _constants as op
from re import _parser as parser

import pytest

from benchmarks.attack.attacks.patterns import every_pattern

MOST = 2000
"""Strings that a repeated part may stand for and still be looked at."""


class TooMany(Exception):
    pass


def spelled(parts) -> set[str]:
    """Every string that a part of a pattern matches, where these can be listed. Raises TooMany."""
    found = {""}
    for kind, value in parts:
        found = {a + b for a, b in product(found, _one(kind, value))}
        if len(found) > MOST:
            raise TooMany
    return found


def _one(kind, value) -> set[str]:
    if kind is op.LITERAL:
        return {chr(value)}
    if kind is op.AT:
        return {""}
    if kind is op.SUBPATTERN:
        return spelled(value[-1])
    if kind is op.BRANCH:
        return set().union(*(spelled(choice) for choice in value[1]))
    if kind is op.IN and all(item is op.LITERAL for item, _ in value):
        return {chr(code) for _, code in value}
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT) and value[1] != op.MAXREPEAT and value[1] <= 3:
        one = spelled(value[2])
        return set().union(*({"".join(some) for some in product(one, repeat=n)} for n in range(value[0], value[1] + 1)))
    raise TooMany


def repeated(parts) -> Iterator[set[str]]:
    """What each part stands for that may come any number of times."""
    for kind, value in parts:
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            if value[1] == op.MAXREPEAT:
                with suppress(TooMany):
                    yield spelled(value[2])
            yield from repeated(value[2])
        elif kind is op.SUBPATTERN:
            yield from repeated(value[-1])
        elif kind is op.BRANCH:
            for choice in value[1]:
                yield from repeated(choice)
        elif kind in (op.ASSERT, op.ASSERT_NOT):
            yield from repeated(value[1])


def read_twice(strings: set[str]) -> list[str]:
    """The strings that others of the set spell together."""

    def parts(text: str) -> int:
        return sum(
            1 if text == head else bool(parts(text[len(head) :])) for head in strings - {""} if text.startswith(head)
        )

    return sorted(text for text in strings if text and parts(text) > 1)


@pytest.mark.parametrize(
    ("where", "pattern"), every_pattern(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_repeated_choice_reads_words_in_one_way(where, pattern):
    assert [
        said for strings in repeated(parser.parse(pattern.pattern, pattern.flags)) for said in read_twice(strings)
    ] == []


def test_a_choice_that_others_spell_is_found():
    (strings,) = repeated(parser.parse(r"^(?:(?:its|been|its been|so) )*well"))
    assert read_twice(strings) == ["its been "]
    assert list(repeated(parser.parse(r"(?:\w+ )*(?:a|b){1,3}"))) == []
