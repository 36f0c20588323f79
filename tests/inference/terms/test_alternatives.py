import pytest

from inference.extraction.words.named import clinical_names
from inference.terms.alternatives import NEAR, preferred

BODY = "You mentioned your body. Um, I had a loss about the time."
VOMITING = "You mentioned your vomiting. Um, I had a loss of appetite."


def test_of_texts_that_are_nearly_as_likely_the_one_with_the_most_clinical_names_is_taken():
    assert preferred((-0.40, -0.41, -0.42), (BODY, VOMITING, "You mentioned your party."), clinical_names) == 1


def test_a_text_that_is_clearly_less_likely_is_not_taken_for_a_name():
    assert preferred((-0.40, -0.40 - 1.1 * NEAR), ("So.", "A stroke."), clinical_names) == 0


def test_without_names_the_likeliest_is_taken():
    assert preferred((-0.40, -0.40, -0.41), ("Right, okay.", "Right. OK.", "Right."), clinical_names) == 0


def test_one_text_needs_no_choice():
    assert preferred((-0.40,), (BODY,), lambda text: pytest.fail("nothing to compare")) == 0
