"""Errors on the words that matter: medical terms and drug names, apart from the word error rate of everything.

The terms are those of the vocabulary of inference/extraction, matched by stem and longest first, with nothing between
their words, in texts that went through the normaliser of the word error rate. Wordings that the vocabulary marks as
ordinary words too are left out. Parts of the body are not marked so: "back" is counted in "come back" as well, which is
why every class has a row of its own.

A term of the reference is missed where the alignment puts another word, or none, in the place of any of its words.
`other_form` says how many of those missed were heard in another form of the same words ("cramps" for "cramp"). A term
of the hypothesis is added where any of its words stands for nothing, or for a word of another stem, in the reference.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import jiwer

from benchmarks.common.corpus import aligned, normalise
from inference.extraction.tables import rows
from inference.extraction.text.tokens import Token, stem
from inference.extraction.words.lexicon import Entry, Match, Trie, find, wordings

DRUG = "drug"
TABLES = (
    ("drug_classes.tsv", "drug_class"),
    ("symptoms.tsv", "symptom"),
    ("conditions.tsv", "condition"),
    ("procedures.tsv", "procedure"),
    ("tests.tsv", "test"),
    ("body_parts.tsv", "anatomy"),
)
"""A wording of two tables belongs to the first of them, and to none of these if it is a drug's name."""

_BETWEEN = "qzq"
"""No word of a wording, and left alone by the normaliser."""

Verdict = Literal["right", "other form", "wrong"]


@dataclass(slots=True)
class TermErrors:
    """Counts of one class of terms."""

    n: int = 0
    missed: int = 0
    other_form: int = 0
    added: int = 0

    @property
    def error_rate(self) -> float | None:
        """The share of the terms said that were missed."""
        return round(self.missed / self.n, 4) if self.n else None

    def as_dict(self) -> dict[str, float | None]:
        counts = {"n": self.n, "missed": self.missed, "other_form": self.other_form, "added": self.added}
        return {**counts, "error_rate": self.error_rate}

    def __add__(self, other: "TermErrors") -> "TermErrors":
        return TermErrors(
            self.n + other.n,
            self.missed + other.missed,
            self.other_form + other.other_form,
            self.added + other.added,
        )


@dataclass(slots=True)
class MedicalWords:
    """Term errors of several recordings together; `missed` counts (class, term, what was heard instead)."""

    by_class: defaultdict[str, TermErrors] = field(default_factory=lambda: defaultdict(TermErrors))
    missed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    added: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def drugs(self) -> TermErrors:
        return self.by_class.get(DRUG, TermErrors())

    @property
    def medical(self) -> TermErrors:
        """All classes but the names of drugs."""
        return sum((errors for name, errors in self.by_class.items() if name != DRUG), TermErrors())

    def as_dict(self, top: int = 20) -> dict[str, object]:
        """For JSON, with the terms most often missed and added."""
        return {
            "medical": self.medical.as_dict(),
            "drugs": self.drugs.as_dict(),
            "by_class": {name: errors.as_dict() for name, errors in sorted(self.by_class.items())},
            "missed": [
                {"class": kind, "term": term, "heard": heard, "times": times}
                for (kind, term, heard), times in self.missed.most_common(top)
            ],
            "added": [
                {"class": kind, "term": term, "times": times} for (kind, term), times in self.added.most_common(top)
            ],
        }


def term_errors(references: list[str], hypotheses: list[str]) -> MedicalWords:
    """Terms missed and added over several recordings."""
    found = MedicalWords()
    output = aligned(references, hypotheses)
    for said, heard, chunks in zip(output.references, output.hypotheses, output.alignments, strict=True):
        _count(found, said, heard, chunks)
    return found


def _count(found: MedicalWords, said: list[str], heard: list[str], chunks: Sequence[jiwer.AlignmentChunk]) -> None:
    of_said: list[Verdict] = ["wrong"] * len(said)
    of_heard: list[Verdict] = ["wrong"] * len(heard)
    pairs = [pair for chunk in chunks if chunk.type in ("equal", "substitute") for pair in _pairs(chunk)]
    for i, j in pairs:
        of_said[i] = of_heard[j] = _verdict(said[i], heard[j])
    instead = _instead(of_said, heard, chunks)
    for match in _terms(said):
        errors = found.by_class[match.entry.kind]
        errors.n += 1
        verdicts = set(of_said[match.start : match.end])
        if verdicts != {"right"}:
            errors.missed += 1
            errors.other_form += "wrong" not in verdicts
            words = [word for place in instead[match.start : match.end] for word in place]
            found.missed[match.entry.kind, " ".join(said[match.start : match.end]), " ".join(words)] += 1
    for match in _terms(heard):
        if "wrong" in of_heard[match.start : match.end]:
            found.by_class[match.entry.kind].added += 1
            found.added[match.entry.kind, " ".join(heard[match.start : match.end])] += 1


def _pairs(chunk: jiwer.AlignmentChunk) -> Iterator[tuple[int, int]]:
    return zip(
        range(chunk.ref_start_idx, chunk.ref_end_idx), range(chunk.hyp_start_idx, chunk.hyp_end_idx), strict=True
    )


def _verdict(said: str, heard: str) -> Verdict:
    if said == heard:
        return "right"
    return "other form" if stem(said) == stem(heard) else "wrong"


def _instead(
    verdicts: Sequence[Verdict], heard: Sequence[str], chunks: Sequence[jiwer.AlignmentChunk]
) -> list[list[str]]:
    """What was heard at each word said. Words inserted beside a wrong one are part of how it was heard."""
    places: list[list[str]] = [[] for _ in verdicts]
    for chunk in chunks:
        words = heard[chunk.hyp_start_idx : chunk.hyp_end_idx]
        if chunk.type == "insert":
            for at in (chunk.ref_start_idx, chunk.ref_start_idx - 1):
                if 0 <= at < len(verdicts) and verdicts[at] != "right":
                    places[at] += words
                    break
        elif words:
            for i, j in _pairs(chunk):
                places[i].append(heard[j])
    return places


def _terms(words: Sequence[str]) -> list[Match]:
    tokens = [Token(word, stem(word), 0, 0, soft=False, comma=False) for word in words]
    return find(_drugs(), tokens) + find(_medical(), tokens)


@cache
def _drugs() -> Trie:
    trie = Trie()
    for wording in _wordings("drugs.tsv"):
        trie.add(wording, Entry(" ".join(wording), DRUG))
    return trie


@cache
def _medical() -> Trie:
    trie, taken = Trie(), set(_wordings("drugs.tsv"))
    for table, kind in TABLES:
        for wording in _wordings(table):
            if wording not in taken:
                taken.add(wording)
                trie.add(wording, Entry(" ".join(wording), kind))
    return trie


@cache
def _wordings(table: str) -> tuple[tuple[str, ...], ...]:
    """The stems of every wording of a table, as the normaliser leaves it; an exact word opens with "="."""
    texts: list[str] = []
    for name, *_, column in rows(table):
        own = [] if name.startswith("!") else [name.partition(" (")[0]]
        texts += [*own, *(text for text, ordinary in wordings(column) if not ordinary)]
    # Each call makes 68 substitutions: one call for 144,000 wordings takes half of the time of a call for each.
    normal = normalise(f" {_BETWEEN} ".join(text.removeprefix("=") for text in texts)).split(_BETWEEN)
    return tuple(
        tuple("=" + word if text.startswith("=") else stem(word) for word in words.split())
        for text, words in zip(texts, normal, strict=True)
        if words.strip()
    )
