"""What the clinician does with a medicine."""

import pytest

from inference.extraction.rules.cues.prescribing import Act, act_on
from inference.extraction.text.tokens import normalise
from tests.support.consultation import findings


def act(before: str, *, is_class: bool = False, ordered_before: bool = False) -> Act | None:
    return act_on(normalise(before), is_class=is_class, ordered_before=ordered_before)


@pytest.mark.parametrize(
    "before",
    [
        "I'm going to start you on",
        "let's increase your",
        "i wan na go ahead and prescribe",
        "you can take some",
        "I'd recommend",
        "we'll send in a refill for the",
        "he would like to start",
    ],
)
def test_a_verb_of_giving_prescribes(before: str) -> None:
    assert act(before) == "prescribe"


@pytest.mark.parametrize(
    "before",
    [
        "I'm not going to prescribe",
        "I don't think you need",
        "you were started on",
        "dr brown put you on",
        "we'll order a blood test to see if we need any adjustments to your",
        "the side effects of",
        "",
    ],
)
def test_what_is_told_denied_or_explained_is_no_order(before: str) -> None:
    assert act(before) is None


def test_going_on_and_stopping_are_told_from_starting() -> None:
    assert act("let's continue you on the") == "continue"
    assert act("you can continue to take that") == "continue"
    assert act("I want you to stop taking the") == "stop"
    assert act("stop the reglan and use") == "prescribe"


def test_a_name_after_an_order_is_what_was_ordered() -> None:
    assert act("it's called", ordered_before=True) == "prescribe"
    assert act("and some", ordered_before=True) == "prescribe"
    assert act("it's called") is None


def test_a_class_is_prescribed_by_a_verb_close_by_alone() -> None:
    assert act("I'll give you an", is_class=True) == "prescribe"
    assert act("I'll give you a leaflet that tells you more of what there is about", is_class=True) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Stop the ibuprofen, take paracetamol.", {"stop ibuprofen": "Stop the ibuprofen", "paracetamol": "take paracetamol"}),
        ("Stop the ibuprofen and the naproxen.", {"stop ibuprofen": "Stop the ibuprofen", "stop naproxen": "Stop the ibuprofen and the naproxen"}),
        ("I want you to stop the ibuprofen you take and start codeine.", {"stop ibuprofen": "stop the ibuprofen", "codeine": "start codeine"}),
        ("I'll give you naproxen and some codeine.", {"naproxen": "give you naproxen", "codeine": "give you naproxen and some codeine"}),
    ],
)  # fmt: skip
def test_an_order_and_its_verb_are_quoted_together_and_each_drug_has_its_own(line, expected):
    assert {
        found.text: found.evidence[0].quote for found in findings(f"D: {line}") if found.kind == "order"
    } == expected


def test_a_brand_and_its_generic_are_one_medicine_under_the_first_name():
    (found,) = findings("P: I use Ventolin.", "P: It's called salbutamol.")
    assert (found.text, [evidence.quote for evidence in found.evidence]) == ("ventolin", ["Ventolin", "salbutamol"])


@pytest.mark.parametrize(
    ("line", "dose"),
    [
        ("D: Let's increase your lasix from forty milligrams a day to sixty milligrams a day.", "60 mg"),
        ("D: I'll go up on the lisinopril from 10 to 20 milligrams.", "20 mg"),
        ("D: We'll increase the lasix from 40 milligrams to 60.", "60 mg"),
        ("D: Increase the lisinopril from 10 milligrams.", None),
        ("P: I take one to two tablets of paracetamol.", "1-2 tablets"),
    ],
)
def test_a_changed_dose_is_the_new_one(line, dose):
    (found,) = findings(line)
    assert found.attributes.get("dose") == dose


def test_a_percentage_of_something_else_is_no_dose():
    (found,) = findings("P: They gave me gabapentin.", "P: I'm ten percent disabled.")
    assert "dose" not in found.attributes


def test_what_the_blood_holds_is_no_medicine_unless_it_is_taken():
    assert findings("D: Your vitamin d was low and the potassium came back fine.") == []
    assert {f.text for f in findings("P: I take potassium and iron.")} == {"potassium", "iron"}
