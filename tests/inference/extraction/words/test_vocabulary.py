"""The data files of the vocabulary."""

from importlib.resources import files

import pytest

from inference.extraction.tables import rows
from inference.extraction.words.lexicon import Entry, Trie, drugs_trie, findings_trie, stems_of, steps_of, wordings

FOLDER = files("inference.extraction").joinpath("vocabulary")
TABLES = sorted(file.name for file in FOLDER.iterdir() if file.name.endswith(".tsv"))


@pytest.mark.parametrize("name", TABLES)
def test_every_table_names_its_source_and_its_columns(name: str) -> None:
    first = FOLDER.joinpath(name).read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert name in FOLDER.joinpath("SOURCES.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["symptoms.tsv", "conditions.tsv", "drugs.tsv", "tests.tsv", "procedures.tsv", "social.tsv"]
)
def test_no_concept_stands_twice(name: str) -> None:
    concepts = [columns[0].lstrip("!") for columns in rows(name)]
    assert sorted(concepts) == sorted(set(concepts))


def test_the_vocabulary_is_as_wide_as_promised() -> None:
    assert sum(1 for _ in rows("symptoms.tsv")) >= 250
    assert sum(1 for _ in rows("conditions.tsv")) >= 200
    assert sum(1 for _ in rows("drugs.tsv")) >= 300


@pytest.mark.parametrize(
    "wording",
    [
        "blood in (stool/my poo/) now",
        "=(its/it) (2/3) days",
        "run(ning/s) nose",
        "(gon/going) (na/to) faint",
        "(white (patch/patches)/spots) on tongue",
        "24/7 (pain)",
        "(do/does) n't eat",
        "(=it/that) hurts",
    ],
)
def test_a_wording_step_by_step_stands_for_what_it_is_written_out(wording: str) -> None:
    steps, whole, entry = Trie(), Trie(), Entry("x", "symptom")
    steps.add_each(steps_of(wording), entry)
    for text, _ in wordings(wording):
        whole.add(stems_of(text), entry)
    assert steps == whole


def test_alternatives_are_written_out() -> None:
    assert [text for text, _ in wordings("blood in (stool/poo)|~faint")] == ["blood in stool", "blood in poo", "faint"]
    assert [personal for _, personal in wordings("blood in (stool/poo)|~faint")] == [False, False, True]


def test_every_course_of_a_condition_is_known() -> None:
    assert {columns[1] for columns in rows("conditions.tsv")} == {"chronic", "acute", "event"}


def test_tries_are_built() -> None:
    assert "headach" in findings_trie().branches
    assert "aspirin" in drugs_trie().branches
