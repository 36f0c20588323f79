"""Vocabulary files of a site: the names that its clinicians say, and how they sound."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from inference.terms.vocabulary import Term, letters_of

Kind = Literal["drug", "name", "place", "other"]

MOST_TERMS = 5_000
"""Terms of all files together: each final is compared with every one of them."""

MOST_LETTERS = 60
MOST_WORDS = 5


class PackError(Exception):
    """A vocabulary file cannot be used; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Pack:
    """What the files of a site say: all terms, and the names among them that are drugs."""

    terms: tuple[Term, ...] = ()
    drugs: tuple[str, ...] = ()


def read_packs(paths: Sequence[Path]) -> Pack:
    """Reads files with a line for each term: the term, its kind, and ways of saying it, with tabs between them.

    The kind is drug, name, place or other. The ways of saying it are spellings such as "shivawn", with "|" between
    them; none are needed where the term is said as it is spelt. Empty lines and lines that begin with "#" are left
    out. Raises PackError.
    """
    terms: dict[str, Term] = {}
    drugs: list[str] = []
    for path in paths:
        for kind, term in _terms(path):
            terms.setdefault(term.text, term)
            if kind == "drug":
                drugs.append(term.text)
    if len(terms) > MOST_TERMS:
        raise PackError(f"the vocabulary has {len(terms)} terms, and {MOST_TERMS} are the most: leave out common words")
    return Pack(tuple(terms.values()), tuple(dict.fromkeys(drugs)))


def _terms(path: Path) -> Iterator[tuple[str, Term]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PackError(
            f"the vocabulary file {path} cannot be read: {error.strerror or type(error).__name__}"
        ) from None
    except UnicodeDecodeError:
        raise PackError(f"the vocabulary file {path} is not UTF-8: save it as UTF-8") from None
    kinds = get_args(Kind)
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = [column.strip() for column in line.split("\t")]
        where = f"{path}, line {number}"
        if len(columns) not in (2, 3) or columns[1] not in kinds:
            raise PackError(
                f"{where}: write the term, a tab, its kind ({', '.join(kinds)}) and, if it is not said as it is spelt, "
                "a tab and how it is said"
            )
        spoken = tuple(way.strip() for way in columns[2].split("|")) if len(columns) == 3 and columns[2] else ()
        for spelling in (columns[0], *spoken):
            if not 1 <= len(letters_of(spelling)) <= MOST_WORDS or len(spelling) > MOST_LETTERS:
                raise PackError(
                    f"{where}: a term has 1 to {MOST_WORDS} words of letters and at most {MOST_LETTERS} characters"
                )
        yield columns[1], Term(columns[0], spoken)
