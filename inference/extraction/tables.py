"""Reads the data files of the vocabulary."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import TypeVar

Table = TypeVar("Table")

_tables: list[Callable[[], object]] = []


def table(read: Callable[[], Table]) -> Callable[[], Table]:
    """Decorates a function without arguments that builds a table from data files: it runs once, and `load` runs it."""
    kept = cache(read)
    _tables.append(kept)
    return kept


def load() -> None:
    """Builds every table of the modules that are imported.

    A server calls this before its first session. A table that is read with the first finding that needs it would fail
    that finding when the process has no file descriptor left.
    """
    for read in _tables:
        read()


def rows(name: str) -> Iterator[list[str]]:
    """The rows of a data file of `vocabulary/`, each as its columns; comments and empty lines are left out."""
    text = files("inference.extraction").joinpath("vocabulary", name).read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.split("\t")


@table
def _grammar() -> dict[str, frozenset[str]]:
    return {name: frozenset(column.split()) for name, column in rows("grammar.tsv")}


def words(name: str) -> frozenset[str]:
    """The words of one class of `vocabulary/grammar.tsv`. Raises KeyError if there is no such class."""
    return _grammar()[name]


def alternatives(wording: str) -> list[str]:
    """A wording with "(a/b)" written out."""
    choice = re.search(r"\(([^()]*/[^()]*)\)", wording)
    if choice is None:
        return [wording.replace("(", "").replace(")", "")]
    return [
        text
        for option in choice.group(1).split("/")
        for text in alternatives(wording[: choice.start()] + option + wording[choice.end() :])
    ]
