"""What clinicians report of their examinations, and where a denial ends."""

import pytest

from tests.support.consultation import findings


def status_of(text: str, line: str) -> str | None:
    return next((f.status for f in findings(line) if f.text == text), None)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("We were not able to completely rule out pneumonia.", "possible"),
        ("Pneumonia still needs to be excluded.", "possible"),
        ("Pneumonia has not yet been excluded.", "possible"),
        ("We can safely rule out pneumonia.", "absent"),
        ("The x-ray rules out pneumonia.", "absent"),
        ("Pneumonia was excluded.", "absent"),
        ("I couldn't find any clear signs of pneumonia.", "absent"),
        ("The film argues against pneumonia.", "absent"),
        ("There are signs of pneumonia on the film.", "present"),
        ("The test for pneumonia came back negative.", "absent"),
        ("There is a low suspicion of pneumonia.", "possible"),
        ("No concern for pneumonia.", "absent"),
        ("Pneumonia is a concern.", "possible"),
        ("Cough ?pneumonia.", "possible"),
        ("Query pneumonia.", "possible"),
    ],
)
def test_a_report_is_read_by_its_parts(said: str, status: str) -> None:
    assert status_of("pneumonia", f"D: {said}") == status


def test_a_patients_worry_is_no_suspicion() -> None:
    assert status_of("cancer", "P: I'm worried about cancer.") is None


@pytest.mark.parametrize(
    ("said", "cough"),
    [
        ("No fever and a bad cough.", "present"),
        ("No fever, though I have a cough.", "present"),
        ("No fever but a cough.", "present"),
        ("I don't have a fever and my cough is worse.", "present"),
        ("No fever, chills or cough.", "absent"),
        ("I haven't had a fever and a cough.", "absent"),
    ],
)
def test_a_denial_goes_on_through_a_list_and_ends_before_what_is_affirmed(said: str, cough: str) -> None:
    assert status_of("fever", f"P: {said}") == "absent"
    assert status_of("cough", f"P: {said}") == cough


def test_a_denial_ends_before_the_history_of_the_family() -> None:
    found = {(f.kind, f.text, f.status) for f in findings("P: I have no asthma, and a family history of diabetes.")}
    assert found == {("past_history", "asthma", "absent"), ("family_history", "diabetes", "present")}
