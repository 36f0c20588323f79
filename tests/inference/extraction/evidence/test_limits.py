"""Doses beyond what anybody is given of a high-alert medicine."""

import pytest

from inference.extraction.evidence.limits import is_beyond_usual
from inference.extraction.evidence.support import with_supported_attributes
from inference.extraction.quantities.units import units
from inference.extraction.tables import rows
from inference.extraction.text.tokens import sentences
from inference.extraction.words.lexicon import drugs_trie, find
from inference.findings import Evidence, Proposal, Source

LIMITS = [tuple(row) for row in rows("limits.tsv")]


@pytest.mark.parametrize(("name", "most", "unit", "source"), LIMITS)
def test_every_limit_is_of_a_known_drug_in_a_known_unit_with_its_source(
    name: str, most: str, unit: str, source: str
) -> None:
    (sentence,) = sentences(name)
    assert [match.entry.detail for match in find(drugs_trie(), sentence.tokens)] == [name]
    assert units()[unit].kind == "measure"
    assert len(source) > 20
    assert not is_beyond_usual(name, f"{most} {unit}")
    assert is_beyond_usual(name, f"{float(most) * 10} {unit}")


@pytest.mark.parametrize(
    ("generic", "dose", "beyond"),
    [
        ("digoxin", "10 mg", True),
        ("digoxin", "125 micrograms", False),
        ("digoxin", "0.125 mg", False),
        ("levothyroxine", "50 mg", True),
        ("levothyroxine", "two 200 microgram tablets", True),
        ("levothyroxine", "100 micrograms", False),
        ("insulin glargine", "1,000 units", True),
        ("insulin", "20 units", False),
        ("methotrexate", "15 mg once a week", False),
        ("warfarin", "3 mg, then 50 mg", True),
        ("warfarin", "two tablets", False),
        ("ibuprofen", "800 mg", False),
    ],
)
def test_a_dose_is_compared_with_the_limit_in_any_unit(generic: str, dose: str, beyond: bool) -> None:
    assert is_beyond_usual(generic, dose) is beyond


@pytest.mark.parametrize("source", ["rules", "model"])
@pytest.mark.parametrize("text", ["digoxin", "lanoxin", "start digoxin"])
def test_a_dose_beyond_the_limit_is_kept_as_heard_and_marked(source: Source, text: str) -> None:
    said = "10 mg of digoxin"
    proof = (Evidence("s1", said, 0, len(said), 0.0, 1.0, "patient"),)
    proposal = Proposal(kind="medication", text=text, quotes=(), source=source, attributes={"dose": "10 mg"})
    shown = with_supported_attributes(proposal, proof).attributes
    assert shown == {"dose": "10 mg", "check": "dose: beyond the usual dose"}
