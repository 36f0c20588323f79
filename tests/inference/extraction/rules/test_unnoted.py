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


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("D: Any blood in your urine?", "P: No."), [("symptom", "absent", "Any blood in your urine")]),
        (
            ("D: Have you noticed any weight loss?", "P: Yes, a bit."),
            [("symptom", "present", "Have you noticed any weight loss")],
        ),
        (("D: Any illnesses in the family?", "P: No."), [("family_history", "absent", "Any illnesses in the family")]),
        (
            ("D: Are you allergic to anything, any medicines?", "P: No."),
            [("allergy", "absent", "Are you allergic to anything, any medicines")],
        ),
    ],
)
def test_a_question_for_yes_or_no_is_told_with_its_answer(lines, expected):
    assert told(*lines) == expected


@pytest.mark.parametrize(
    "lines",
    [
        ("D: Good morning, how are you today?", "P: Fine, thank you."),
        ("D: Any questions?", "P: No."),
        ("D: Can you hear me okay?", "P: Yes."),
        ("D: Migraine is a headache that comes with nausea."),
        ("D: If you get a fever or chest pain, call us."),
        ("D: Any blood in your urine?",),
        ("P: It was raining all week.",),
    ],
)
def test_small_talk_explanations_warnings_and_questions_without_an_answer_are_not_told(lines):
    assert told(*([lines] if isinstance(lines, str) else lines)) == []
