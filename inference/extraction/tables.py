"""Reads the data files of the vocabulary."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files


def rows(name: str) -> Iterator[list[str]]:
    """The rows of a data file, without comments, as columns."""
    text = files("inference.extraction").joinpath("vocabulary", name).read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.split("\t")


@cache
def _grammar() -> dict[str, frozenset[str]]:
    return {name: frozenset(column.split()) for name, column in rows("grammar.tsv")}


def words(name: str) -> frozenset[str]:
    """A word class of grammar.tsv."""
    return _grammar()[name]
