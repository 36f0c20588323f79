"""Words of a segment with their places, stems, and the sentences that they make. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from inference.extraction.quantities.numbers import NUMBER
from inference.extraction.tables import rows, words

QUERY = r"(?<!\S)\?+(?=[^\W\d_])|\A\s*\?+(?=\s*[^\W\d_])"
"""A question mark before a word is the written form of "query": "?appendicitis"."""
# Some transcripts part "do n't" and "gon na", as treebanks do.
_WORD = re.compile(
    rf"{QUERY}|{NUMBER}|%|[^\W\d_]+\d\w*|(?:gon|wan|got) (?:na|ta)\b|[^\W\d_]+(?: n['’]t\b|(?:['’][^\W\d_]+)*)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.?!;…]")
_COMMA = re.compile(r"[,:—–]|--| - ")

_MICRO_SIGN, _MU = "\u00b5", "\u03bc"
"""Two signs that look alike: words are written with the second."""

_IRREGULAR = {form: stem for stem, forms in rows("irregular.tsv") for form in forms.split()}

_SHORT_ROOT = re.compile(r"[^aeiou\W]{1,3}[aeiouy][^aeiouywx\W]")
"""Consonants, one vowel and one consonant, as in "scar": with "ed" it would double its last letter."""
_LONG_VOWEL = re.compile(r"[aeiou]{2}(?P<last>[a-z])(?P=last)$")
"""Behind two vowels a consonant is not doubled: "earring" is no form of "ear"."""
_FILLERS = words("filler")
_DETERMINERS = words("determiner")
_HEDGES = words("hedge")
_QUALIFIERS = words("qualifier")
SOFT = _FILLERS | _DETERMINERS | _HEDGES
"""Words that may stand inside a wording: "pain in my, like, stomach"."""
QUALIFIERS = SOFT | _QUALIFIERS
FILLERS = _FILLERS | frozenset(("okay", "ok", "right", "well", "yeah", "you", "know", "i", "mean"))
_SOFT_PAIRS = frozenset((("kind", "of"), ("sort", "of"), ("you", "know"), ("i", "mean"), ("bit", "of"), ("lot", "of")))


@dataclass(frozen=True, slots=True)
class Token:
    """One word: as spoken in lower case without apostrophes, its stem, and its characters in the segment's text.

    A soft token may be passed over inside a wording. `comma` says that a comma or dash follows.
    """

    word: str
    stem: str
    start: int
    end: int
    soft: bool
    comma: bool


@dataclass(frozen=True, slots=True)
class Sentence:
    """A run of tokens of one segment, and the mark that ends it: ".", "?" or nothing."""

    tokens: tuple[Token, ...]
    mark: str
    words: list[str] = field(init=False, repr=False, compare=False)
    """The tokens as plain words. Nobody changes the list."""
    joined: str = field(init=False, repr=False, compare=False)
    """The plain words, one space between."""

    def __post_init__(self) -> None:
        words = [token.word for token in self.tokens]
        object.__setattr__(self, "words", words)  # a sentence is asked for them hundreds of times
        object.__setattr__(self, "joined", " ".join(words))


def stem(word: str) -> str:
    """A light stem: "ache", "aches" and "aching" are one. Not a linguist's.

    A short root keeps the silent e that tells it apart: "scare" and "scared" are no scar, "hives" are no HIV.
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if not word[0].isalpha():
        return word.replace(",", "")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for suffix in ("ing", "ed"):
        root = word.removesuffix(suffix)
        if root != word and len(root) > 2 and not word.endswith("eed") and re.search(r"[aeiouy]", root):
            if _SHORT_ROOT.fullmatch(root):
                return root + "e"
            if len(root) > 3 and root[-1] == root[-2] and root[-1] not in "ls" and not _LONG_VOWEL.search(root):
                root = root[:-1]
            word = root
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") and not _SHORT_ROOT.fullmatch(word[:-1]) else word


def normalise(text: str) -> list[str]:
    """Words in lower case, apostrophes left out: "don't" is "dont"."""
    return [_plain(match.group()) for match in _WORD.finditer(text)]


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text by its punctuation."""
    found: list[Sentence] = []
    open_tokens: list[Token] = []
    matches = list(_WORD.finditer(text))
    for index, match in enumerate(matches):
        following = matches[index + 1].start() if index + 1 < len(matches) else len(text)
        gap = text[match.end() : following]
        word = _plain(match.group())
        open_tokens.append(
            Token(
                word=word,
                stem=stem(word),
                start=match.start(),
                end=match.end(),
                soft=word in SOFT,
                comma=gap != " " and _COMMA.search(gap) is not None,
            )
        )
        mark = _SENTENCE_END.search(gap) if gap != " " else None
        if mark and not (word in ("dr", "mr", "mrs", "ms", "vs") and gap.startswith(".")):
            found.append(Sentence(_with_soft_pairs(open_tokens), "?" if "?" in gap else "."))
            open_tokens = []
    if open_tokens:
        found.append(Sentence(_with_soft_pairs(open_tokens), ""))
    return found


def _plain(word: str) -> str:
    if word[-1] == "?":
        return "query"
    return word.lower().replace("'", "").replace("’", "").replace(" ", "").replace(_MICRO_SIGN, _MU)


def _with_soft_pairs(tokens: Sequence[Token]) -> tuple[Token, ...]:
    soft = set[int]()
    for at in range(len(tokens) - 1):
        if (tokens[at].word, tokens[at + 1].word) in _SOFT_PAIRS:
            soft.update((at, at + 1))
        elif tokens[at].word == tokens[at + 1].word:
            # A stammer: "any, any sore throats".
            soft.add(at)
    return tuple(
        Token(t.word, t.stem, t.start, t.end, True, t.comma) if at in soft else t for at, t in enumerate(tokens)
    )


def content(tokens: Sequence[Token]) -> Iterator[Token]:
    """The tokens that are no fillers."""
    return (token for token in tokens if token.word not in FILLERS)
