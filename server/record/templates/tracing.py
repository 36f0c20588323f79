"""What a template wrote, line by line, with the findings that each line says. Pure.

Words that a template takes from a finding are `Traced`: where they are written they carry marks, signs of the private
use area that say which finding they are of. The marks survive what a template does with text, such as joining it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import SupportsIndex

_OPEN, _OPENED, _CLOSE, _HEADING, _HEADED = "\ue000", "\ue001", "\ue002", "\ue003", "\ue004"
_DIGITS = "\ue010\ue011\ue012\ue013\ue014\ue015\ue016\ue017\ue018\ue019"
_READ = {ord(sign): str(value) for value, sign in enumerate(_DIGITS)}
_WRITE = {ord(str(value)): sign for value, sign in enumerate(_DIGITS)}
_MARKS = dict.fromkeys(map(ord, _OPEN + _OPENED + _CLOSE + _HEADING + _HEADED + _DIGITS))
_TOKEN = re.compile(f"({_OPEN}[{_DIGITS}]+{_OPENED}|[{_OPEN}{_OPENED}{_CLOSE}{_HEADING}{_HEADED}\n])")


def unmarked(text: str) -> str:
    """The text without signs that are marks here: a patient's words cannot claim to be of a finding."""
    return text.translate(_MARKS)


class Traced(str):
    """Words of a finding. They compare and count as text; written out, they carry the number of the finding."""

    number: int

    def __new__(cls, words: str, number: int) -> "Traced":
        traced = super().__new__(cls, unmarked(words))
        traced.number = number
        return traced

    @property
    def words(self) -> str:
        """The text alone."""
        return str.__str__(self)

    def __str__(self) -> str:
        return self.words and f"{_OPEN}{str(self.number).translate(_WRITE)}{_OPENED}{self.words}{_CLOSE}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __add__(self, other: str) -> str:
        return str(self) + str(other)

    def __radd__(self, other: str) -> str:
        return str(other) + str(self)

    def __mul__(self, times: SupportsIndex) -> str:
        return str(self) * times


def headed(title: str) -> str:
    """A title that begins a section of the note."""
    return f"{_HEADING}{title}{_HEADED}"


@dataclass(frozen=True, slots=True)
class WrittenLine:
    """`findings` are the numbers of those that the line says something of, in the order of its words."""

    text: str
    findings: tuple[int, ...]
    heading: bool


def lines(output: str) -> tuple[WrittenLine, ...]:
    """The lines of what a template wrote, without marks, with at most one empty line in a row and none at the ends."""
    return tuple(_spaced(_read(output)))


def text_of(output: str) -> str:
    """What a template wrote, without marks."""
    return "".join(f"{line.text}\n" for line in lines(output))


def _read(output: str) -> Iterable[WrittenLine]:
    opened: list[int] = []  # a finding may go on in the next line, where a template breaks its words
    said: list[int] = []
    text, heading, headed = "", False, False
    for token in _TOKEN.split(output):
        if token == "\n":
            yield WrittenLine(text.rstrip(), tuple(said), headed)
            text, said, headed = "", list(dict.fromkeys(opened)), heading
        elif token.startswith(_OPEN) and len(token) > 1:
            opened.append(int(token[1:-1].translate(_READ)))
            if opened[-1] not in said:
                said.append(opened[-1])
        elif token == _CLOSE:
            opened = opened[:-1]
        elif token in (_HEADING, _HEADED):
            heading = token == _HEADING
            headed = headed or heading
        elif token not in (_OPEN, _OPENED):
            text += token
    yield WrittenLine(text.rstrip(), tuple(said), headed)


def _spaced(found: Iterable[WrittenLine]) -> Iterable[WrittenLine]:
    begun, empty = False, False
    for line in found:
        if not line.text:
            empty = begun
            continue
        if empty:
            yield WrittenLine("", (), False)
        begun, empty = True, False
        yield line
