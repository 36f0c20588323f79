"""One medicine in the place of another, and medicines that were only thought of or never taken."""

import pytest

from tests.support.consultation import findings


def told(line: str) -> dict[str, str]:
    """Each medicine with what is said of it: taken, stopped, untaken, ordered."""
    found = {}
    for finding in findings(line):
        if finding.kind == "order":
            found[finding.text] = "ordered"
        elif finding.kind == "medication":
            stopped = finding.temporality == "past"
            found[finding.text] = "taken" if finding.status == "present" else "stopped" if stopped else "untaken"
    return found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("P: I'm not on warfarin any more, they changed it to rivaroxaban.", {"warfarin": "stopped", "rivaroxaban": "taken"}),
        ("P: They switched me from warfarin to rivaroxaban.", {"warfarin": "stopped", "rivaroxaban": "taken"}),
        ("P: My warfarin was changed to rivaroxaban last year.", {"warfarin": "stopped", "rivaroxaban": "taken"}),
        ("P: The omeprazole was replaced by famotidine.", {"omeprazole": "stopped", "famotidine": "taken"}),
        ("P: I was on warfarin but now it's rivaroxaban.", {"warfarin": "stopped", "rivaroxaban": "taken"}),
        ("P: I'm off the ramipril, they gave me losartan instead.", {"ramipril": "stopped", "losartan": "taken"}),
        ("P: They changed my warfarin to 3 mg.", {"warfarin": "taken"}),
        ("D: We'll switch your amlodipine to felodipine.", {"stop amlodipine": "ordered", "felodipine": "ordered"}),
        ("D: Change your amlodipine to the evening.", {"amlodipine": "ordered"}),
        ("D: I was going to give you trimethoprim, but let's go for nitrofurantoin.", {"nitrofurantoin": "ordered"}),
        ("A: I was going to give you trimethoprim, but let's go for nitrofurantoin.", {"nitrofurantoin": "ordered"}),
        ("A: I'd thought about trimethoprim but I'll give you nitrofurantoin.", {"nitrofurantoin": "ordered"}),
        ("D: Not ibuprofen, paracetamol.", {"paracetamol": "taken"}),
        ("D: Not ibuprofen, naproxen or aspirin.", {"naproxen": "untaken", "aspirin": "untaken"}),
        ("D: Don't take more than eight paracetamol tablets in a day.", {}),
        ("D: Don't take paracetamol.", {"stop paracetamol": "ordered"}),
        ("D: I might have given you naproxen, but not with your stomach.", {}),
        ("P: I was about to take my insulin when I fell.", {}),
        ("P: The chemist gave me ibuprofen but I haven't taken any.", {"ibuprofen": "untaken"}),
        ("P: I was given tramadol but I've not started it yet.", {"tramadol": "untaken"}),
    ],
)  # fmt: skip
def test_only_what_is_taken_or_ordered_is_told_so(line: str, said: dict[str, str]) -> None:
    assert told(line) == said


@pytest.mark.parametrize(
    ("line", "dose", "check"),
    [
        (
            "P: Insulin, 12 units with breakfast, 8 with lunch and 14 with dinner.",
            "12 units with breakfast, 8 units with lunch and 14 units with dinner",
            None,
        ),
        (
            "P: Propranolol, 20 milligrams at breakfast, 40 at lunch, 20 at night.",
            "20 mg at breakfast, 40 mg at lunch and 20 mg at night",
            None,
        ),
        ("P: Gabapentin, one in the morning and two at night.", "1 in the morning and 2 at night", "dose: no unit"),
        ("P: I take a 5 milligram and a 2 milligram warfarin tablet.", "5 mg and 2 mg", "dose: two amounts"),
    ],
)  # fmt: skip
def test_no_amount_of_several_is_lost(line: str, dose: str, check: str | None) -> None:
    (finding,) = findings(line)
    assert finding.attributes["dose"] == dose
    assert finding.attributes.get("check") == check
    assert "frequency" not in finding.attributes


def test_the_dose_of_the_medicine_before_is_not_added_to_the_next() -> None:
    taken = {f.text: f.attributes["dose"] for f in findings("P: I take aspirin 75 mg and a 20 milligram simvastatin.")}
    assert taken == {"aspirin": "75 mg", "simvastatin": "20 mg"}


@pytest.mark.parametrize(
    "line",
    [
        "D: Prednisolone, thirty for five days, then down by five every three days.",
        "D: Start amitriptyline at ten and go up by ten every week.",
        "D: Increase the ramipril by 2.5 every two weeks up to 10.",
    ],
)
def test_how_often_a_dose_changes_is_not_how_often_it_is_taken(line: str) -> None:
    (finding,) = findings(line)
    assert "frequency" not in finding.attributes


@pytest.mark.parametrize(
    "line",
    [
        "D: Take amoxicillin 500 mg three times a day, sorry, azithromycin.",
        "D: Take amoxicillin 500 mg twice daily. On second thoughts, azithromycin.",
    ],
)
def test_how_much_and_how_often_of_a_medicine_that_was_not_meant_is_not_of_the_other(line: str) -> None:
    (finding,) = findings(line)
    assert (finding.text, finding.attributes) == ("azithromycin", {"order_type": "medication"})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("P: I was on a statin but it gave me muscle pains so I stopped.", {"statin": "stopped"}),
        ("A: I don't want to change the mesalazine.", {}),
    ],
)
def test_what_was_stopped_in_the_end_is_stopped_and_what_is_not_changed_is_not(line: str, said: dict[str, str]) -> None:
    assert told(line) == said
