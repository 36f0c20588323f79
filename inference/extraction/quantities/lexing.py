"""The words of a text, and what parts its numbers, each with its characters. Pure."""

import re
import unicodedata
from dataclasses import dataclass

from inference.extraction.quantities.numbers import GLYPH, NUMBER

_GLYPH = re.compile(GLYPH)
_LEXEME = re.compile(rf"{NUMBER}|[^\W\d_]+(?:['’][^\W\d_]+)*|%|×", re.IGNORECASE)
_BARRIER = re.compile(r"[.?!;:,()]|\n")
_HYPHEN = re.compile(r"\s*[-–—]\s*")
_SLASH = re.compile(r"\s*/\s*")
_GREAT = ("thousand", "million", "hundred")


@dataclass(frozen=True, slots=True)
class Lexed:
    """Words in lower case and NFKC, each with its characters; "," and "-" stand for what parts numbers."""

    words: list[str]
    spans: list[tuple[int, int]]


def lex(text: str) -> Lexed:
    """The words of the text in order. A slash that does not stand between two numbers reads "per"."""
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    previous = ""
    for match in _LEXEME.finditer(text):
        word = match.group().lower()
        if not word.isascii():
            word = match.group() if _is_glyph(match.group()) else unicodedata.normalize("NFKC", word)
        word = word.replace("'", "").replace("’", "")
        gap = text[spans[-1][1] : match.start()] if spans else ""
        if gap == " ":
            pass  # most words follow each other so, and need no pattern
        elif _BARRIER.search(gap) and not (previous in _GREAT and gap.strip() == ","):
            words.append(",")
            spans.append((match.start(), match.start()))
        elif (_is_number(previous) and _is_number(word) and (_HYPHEN.fullmatch(gap) or _SLASH.fullmatch(gap))) or (
            "–" in gap or "—" in gap
        ):
            words.append("/" if "/" in gap else "-")
            spans.append((match.start(), match.start()))
        elif _SLASH.fullmatch(gap):
            words.append("per")
            spans.append((match.start(), match.start()))
        words.append(word)
        spans.append(match.span())
        previous = word
    return Lexed(words, spans)


def _is_glyph(word: str) -> bool:
    return _GLYPH.fullmatch(word) is not None


def _is_number(word: str) -> bool:
    return word[:1].isdigit() or word[:1] == "." or _is_glyph(word)
