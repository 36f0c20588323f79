"""The vocabulary of drugs, and where it comes from."""

import importlib.util

import pytest

from inference.extraction.rules.concepts.medication import medicines
from inference.extraction.tables import rows
from inference.extraction.text.tokens import sentences
from inference.extraction.words.lexicon import generic_of
from tools.make_drugs import PACKAGE, TARGET, table


def names(text: str) -> list[str]:
    (sentence,) = sentences(text)
    return [m.name for m in medicines(text, sentence.tokens)]


@pytest.mark.skipif(importlib.util.find_spec(PACKAGE) is None, reason=f"{PACKAGE} is not installed")
def test_the_public_list_is_what_the_package_gives() -> None:
    assert TARGET.read_text(encoding="utf-8") == table()


def test_over_a_thousand_generics_are_known() -> None:
    assert sum(1 for name in ("drugs.tsv", "drugs_public.tsv") for _ in rows(name)) > 1200


@pytest.mark.parametrize(
    ("brand", "generic"),
    [("lasix", "furosemide"), ("eliquis", "apixaban"), ("myrbetriq", "mirabegron"), ("zispin", "mirtazapine")],
)
def test_american_and_british_brands_know_their_generic(brand: str, generic: str) -> None:
    assert generic_of(brand) == generic


@pytest.mark.parametrize(
    "text",
    ["your iron and potassium look fine", "the sonata was lovely", "we mitigate the circadian problem", "drink water"],
)
def test_ordinary_words_are_no_drugs(text: str) -> None:
    assert names(text) == []


def test_an_ordinary_word_is_a_drug_where_somebody_takes_it() -> None:
    assert names("I take iron every morning") == ["iron"]
