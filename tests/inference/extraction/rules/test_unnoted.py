"""Sentences that may hold a fact of which the rules made nothing."""

import pytest

from inference.extraction.rules.unnoted import telling_sentences
from tests.support.consultation import segments


def told(*lines: str) -> list[tuple[str, str, str]]:
    return [
        (heard.proposal.kind, heard.proposal.status, heard.proposal.text)
        for heard in telling_sentences(segments(*lines))
    ]


def test_a_statement_that_names_something_clinical_is_told_whole_with_the_words_that_name_it():
    (heard,) = telling_sentences(segments("P: Well, the headache comes and goes, and there is nausea."))
    assert heard.proposal.text == "Well, the headache comes and goes, and there is nausea"
    assert [quote.text for quote in heard.named] == ["headache", "nausea"]


def test_the_kind_is_that_of_what_is_named():
    assert [kind for kind, _, _ in told("P: I had my appendix out.", "P: I put some paracetamol on it.")] == [
        "past_history",
        "medication",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ("D: Good morning, how are you today?", "P: Fine, thank you."),
        ("D: Any questions?", "P: No."),
        ("D: Can you hear me okay?", "P: Yes."),
        ("D: Migraine is a headache that comes with nausea."),
        ("D: If you get a fever or chest pain, call us."),
        ("D: Any blood in your urine?", "P: No."),
        ("P: It was raining all week.",),
    ],
)
def test_small_talk_explanations_warnings_and_questions_are_not_told(lines):
    assert told(*([lines] if isinstance(lines, str) else lines)) == []
