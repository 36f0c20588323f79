"""Words of findings keep the finding that they are of through what a template does with them."""

import pytest

from server.record.templates.tracing import Traced, WrittenLine, headed, lines, text_of

FEVER, COUGH = Traced("fever", 0), Traced("dry cough", 12)


def test_each_line_names_the_findings_whose_words_are_in_it():
    written = f"{headed('Symptoms')}\n- {FEVER!s}\n- both: {', '.join(map(str, (FEVER, COUGH)))}\nnone\n"
    assert lines(written) == (
        WrittenLine("Symptoms", (), True),
        WrittenLine("- fever", (0,), False),
        WrittenLine("- both: fever, dry cough", (0, 12), False),
        WrittenLine("none", (), False),
    )
    assert text_of(written) == "Symptoms\n- fever\n- both: fever, dry cough\nnone\n"


def test_words_over_two_lines_are_of_the_finding_in_both():
    assert [line.findings for line in lines(str(Traced("one\ntwo", 3)) + "\nthree")] == [(3,), (3,), ()]


def test_traced_words_compare_and_count_as_text():
    assert FEVER == "fever"
    assert FEVER in {"fever"}
    assert len(FEVER) == 5
    assert str(Traced("", 1)) == ""


@pytest.mark.parametrize(
    "made", ["a " + FEVER, FEVER + " b", FEVER * 2, f"{FEVER}", f"{FEVER:>9}", "".join(map(str, [FEVER]))]
)
def test_text_made_of_traced_words_is_of_the_finding(made):
    assert [line.findings for line in lines(made)] == [(0,)]


def test_empty_lines_are_at_most_one_in_a_row_and_none_at_the_ends():
    assert text_of("\n\n a \n\n\n\nb\n\n") == " a\n\nb\n"


def test_words_of_a_patient_that_look_like_marks_claim_nothing():
    forged = Traced(str(Traced("not said", 7)), 1)
    assert [(line.text, line.findings) for line in lines(str(forged))] == [("not said", (1,))]
    assert lines("stray \ue000\ue001\ue002 marks") == (WrittenLine("stray  marks", (), False),)
