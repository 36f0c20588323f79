"""The clinical vocabulary: loads the data files once and finds the longest wordings in a sentence."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from inference.extraction.tables import alternatives, rows, table, words
from inference.extraction.text.tokens import Token, normalise, sentences, stem

_COPULAS = words("copula")
"""Words that may part a noun from what is said of it: "my periods have been heavy"."""
_DENIED_COPULAS = frozenset(("isnt", "arent", "wasnt", "werent"))
"""They part it too, and deny it, like "not" behind a copula."""
_STEP = re.compile(r"\([^()]*\)|[^()\s]+")
_PARTED = re.compile(rf"(?:{_STEP.pattern})(?:\s+(?:{_STEP.pattern}))*")
"""Words and groups of alternatives with spaces between them."""
_JOINED = re.compile(r"\b(?:na|ta)\b|n['’]t|[=?]")
"""What may be one word with what stands before it, or is more than a word: "gon na", "=". """
MAX_GAP = 3
"""Soft words that may stand between two words of a wording."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One concept. `detail` is the second column of its file; `personal` wordings need a person in the sentence."""

    concept: str
    kind: str
    detail: str = ""
    personal: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """An entry over the tokens [start, end) of a sentence.

    `denied`: a copula inside it is denied, as in "my periods aren't heavy".
    """

    entry: Entry
    start: int
    end: int
    denied: bool = False


@dataclass(slots=True)
class Trie:
    """Wordings by stem."""

    branches: dict[str, "Trie"] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def add(self, stems: Sequence[str], entry: Entry) -> None:
        """Adds the entry under a wording; of several entries the first wins."""
        self.add_each([[stems]], entry)

    def add_each(self, steps: Sequence[Sequence[Sequence[str]]], entry: Entry) -> None:
        """Adds the entry under every wording that takes one of the alternatives at each step.

        A few wordings of the data files stand for thousands: one at a time, each would walk from the root again.
        """
        ends = {id(self): self}
        for step in steps:
            reached = [node._grown(stems) for node in ends.values() for stems in step]
            ends = {id(node): node for node in reached}
        for node in ends.values():
            if entry not in node.entries:
                node.entries.append(entry)

    def _grown(self, stems: Sequence[str]) -> "Trie":
        node = self
        for part in stems:
            node = node.branches.setdefault(part, Trie())
        return node

    def walk(self) -> Iterator["Trie"]:
        """This node and all below it."""
        yield self
        for branch in self.branches.values():
            yield from branch.walk()

    def longest(self, tokens: Sequence[Token], at: int) -> Match | None:
        """The longest wording that starts at a token, soft words between its words passed over.

        One whose copula is denied counts only where there is no other: "the bleeding isn't heavy" tells of bleeding.
        """
        longest: dict[bool, Match] = {}
        open_paths: list[tuple[Trie, int, int, bool, bool]] = [(self, at, 0, False, False)]
        while open_paths:
            node, index, gap, is_exact, denied = open_paths.pop()
            if (
                node.entries
                and node is not self
                and gap == 0
                and (denied not in longest or index > longest[denied].end)
            ):
                longest[denied] = Match(node.entries[0], at, index, denied)
            if index == len(tokens):
                continue
            token = tokens[index]
            denies = gap > 0 and token.word == "not" and tokens[index - 1].word in _COPULAS
            denies = denies or token.word in _DENIED_COPULAS
            parts = token.soft or token.word in _COPULAS or denies
            if node is not self and parts and gap < MAX_GAP and not is_exact:
                open_paths.append((node, index + 1, gap + 1, False, denied or denies))
            for key in (token.stem, "=" + token.word):
                following = node.branches.get(key)
                if following is not None:
                    open_paths.append((following, index + 1, 0, key[0] == "=", denied))
        return longest.get(False) or longest.get(True)


def find(trie: Trie, tokens: Sequence[Token]) -> list[Match]:
    """Longest wordings from left to right, without overlap."""
    found: list[Match] = []
    at = 0
    while at < len(tokens):
        opens = tokens[at].stem in trie.branches or "=" + tokens[at].word in trie.branches
        match = trie.longest(tokens, at) if opens else None
        if match is None:
            at += 1
        else:
            found.append(match)
            at = match.end
    return found


def wordings(column: str) -> Iterator[tuple[str, bool]]:
    """The wordings of a column with (a/b) written out, and whether each needs a person."""
    for wording, personal in written(column):
        for text in alternatives(wording):
            if text.strip():
                yield text, personal


def written(column: str) -> Iterator[tuple[str, bool]]:
    """The wordings of a column as they stand there, and whether each needs a person."""
    for wording in column.split("|"):
        wording = wording.strip()
        if text := wording.removeprefix("~"):
            yield text, wording.startswith("~")


def stems_of(wording: str) -> list[str]:
    """The stems of a wording; one that opens with "=" stands for its very words, with nothing between."""
    if wording.startswith("="):
        return exact(wording)
    return [stem(word) for word in normalise(wording)]


def steps_of(wording: str) -> list[list[list[str]]]:
    """The stems of a wording with (a/b) in it, as the alternatives at each of its steps.

    It is one step, with everything written out, where a group is a part of a word or holds another one, and where words
    beside each other may be one.
    """
    text = wording.removeprefix("=")
    if _PARTED.fullmatch(text) is None or _JOINED.search(text):
        return [[stems_of(each) for each in alternatives(wording) if each.strip()]]
    keys = stems_of if text == wording else exact
    return [
        [keys(each) for each in (step[1:-1].split("/") if step[0] == "(" else [step])] for step in _STEP.findall(text)
    ]


def exact(wording: str) -> list[str]:
    """The words of a wording as keys that no other form of a word matches."""
    return ["=" + word for word in normalise(wording)]


@table
def findings_trie() -> Trie:
    """Symptoms, conditions, operations and habits; and idioms, which look like them and are none."""
    trie = Trie()
    for column in rows("idioms.tsv"):
        for text, _ in written(column[0]):
            trie.add_each(steps_of(text), Entry("", "idiom"))
    for name, kind in (
        ("symptoms.tsv", "symptom"),
        ("conditions.tsv", "condition"),
        ("procedures.tsv", "procedure"),
        ("social.tsv", "social"),
    ):
        for columns in rows(name):
            detail = columns[1] if kind == "condition" else ""
            _add_concept(trie, columns[0], kind, detail, columns[-1] if len(columns) > 1 else "")
    for said in _names_with_symptoms(trie):
        trie.add(said, Entry("", "idiom"))
    return trie


def _names_with_symptoms(trie: Trie) -> list[list[str]]:
    """Names of medicines and tests that hold a symptom nobody tells of: "weight loss tablets", "sputum sample"."""
    found = []
    for name in ("drugs.tsv", "drugs_public.tsv", "drug_classes.tsv", "tests.tsv"):
        for columns in rows(name):
            for text, _ in [(columns[0], False), *wordings(columns[1])]:
                for sentence in sentences(text.removeprefix("=")):
                    inside = [m for m in find(trie, sentence.tokens) if m.entry.kind == "symptom"]
                    if any(m.end - m.start < len(sentence.tokens) for m in inside):
                        found.append([token.stem for token in sentence.tokens])
    return found


@table
def drugs_trie() -> Trie:
    """Drugs by their generic and brand names, and classes of drugs."""
    trie = Trie()
    for name, kind in (("drugs.tsv", "drug"), ("drugs_public.tsv", "drug"), ("drug_classes.tsv", "drug_class")):
        for columns in rows(name):
            for text, personal in [(columns[0], False), *wordings(columns[1])]:
                # People and records keep the name that was said, brand or generic.
                concept = text if kind == "drug" else columns[0]
                trie.add(stems_of(text), Entry(concept, kind, columns[0], personal))
    return trie


def add_drugs(names: Iterable[str]) -> None:
    """Makes names drugs for every session of this process from now on; those that the vocabulary knows stay theirs."""
    for name in names:
        drugs_trie().add(stems_of(name.lower()), Entry(name.lower(), "drug", name.lower()))


@table
def drug_classes() -> frozenset[str]:
    """What is taken but names no drug: "painkillers"."""
    return frozenset(columns[0] for columns in rows("drug_classes.tsv"))


@table
def _generics() -> dict[str, str]:
    entries = [entry for branch in drugs_trie().walk() for entry in branch.entries if entry.kind == "drug"]
    return {entry.concept: entry.detail for entry in entries}


def generic_of(name: str) -> str | None:
    """The generic name of a drug of the vocabulary."""
    return _generics().get(name)


@table
def allergens_trie() -> Trie:
    """Substances other than drugs that people are allergic to."""
    trie = Trie()
    for columns in rows("allergens.tsv"):
        for text, _ in [(columns[0], False), *wordings(columns[1])]:
            trie.add(stems_of(text), Entry(text, "allergen"))
    return trie


@table
def relations_trie() -> Trie:
    """Relatives, by their very words."""
    trie = Trie()
    for concept, column in rows("relations.tsv"):
        for text, _ in wordings(column):
            trie.add(exact(text), Entry(concept, "relation"))
    return trie


def _add_concept(trie: Trie, concept: str, kind: str, detail: str, column: str) -> None:
    name = concept.removeprefix("!")
    if name == concept:
        trie.add(stems_of(name), Entry(_spoken(name), kind, detail))
    for text, personal in written(column):
        trie.add_each(steps_of(text), Entry(_spoken(name), kind, detail, personal))


def _spoken(name: str) -> str:
    """The concept without what tells it apart in the file: "vertigo (positional)"."""
    return re.sub(r" \(.*\)$", "", name)
