"""Why something was ordered: in the words that were spoken, and proved by them."""

import pytest

from inference.findings import Finding
from tests.support.consultation import findings


def orders(*lines: str) -> dict[str, Finding]:
    return {f.text: f for f in findings(*lines) if f.kind == "order"}


def reasons(*lines: str) -> dict[str, str | None]:
    """Of each order by its name. The words of every reason stand in one of the order's quotes."""
    found = orders(*lines)
    for order in found.values():
        if "reason" in order.attributes:
            quotes = [" ".join(e.quote.split()) for e in order.evidence]
            assert any(order.attributes["reason"] in quote for quote in quotes), order
    return {name: order.attributes.get("reason") for name, order in found.items()}


@pytest.mark.parametrize(
    ("line", "order", "reason"),
    [
        ("I'd like a blood test to check your kidneys.", "blood test", "check your kidneys"),
        ("Let's get an X-ray of the wrist to rule out a fracture.", "x-ray of the wrist", "rule out a fracture"),
        ("Take some ibuprofen for the pain and swelling.", "ibuprofen", "pain and swelling"),
        ("Take paracetamol for the fever if you need it.", "paracetamol", "fever"),
        ("I'd like an ultrasound to look at your gallbladder.", "ultrasound", "look at your gallbladder"),
        ("I'll refer you to cardiology because of the palpitations.", "cardiology referral", "palpitations"),
        (
            "I'll order a chest x-ray because you've been coughing up blood.",
            "chest x-ray",
            "you've been coughing up blood",
        ),
        ("I'll see you back in two weeks for your asthma.", "follow up in two weeks", "asthma"),
        ("I'll prescribe omeprazole, which will help with the heartburn.", "omeprazole", "heartburn"),
    ],
)
def test_the_reason_of_every_type_of_order_is_read_behind_it(line: str, order: str, reason: str) -> None:
    assert reasons(f"D: {line}") == {order: reason}


@pytest.mark.parametrize(
    ("line", "order", "reason"),
    [
        ("For your diabetes I'd like a hemoglobin A1c.", "hemoglobin a1c", "diabetes"),
        ("Because of the wheezing, I'll get a chest x-ray.", "chest x-ray", "wheezing"),
        ("To rule out a fracture, I'd like an x-ray of the foot.", "x-ray of the foot", "rule out a fracture"),
    ],
)
def test_the_reason_is_read_before_the_order(line: str, order: str, reason: str) -> None:
    assert reasons(f"D: {line}") == {order: reason}


def test_the_next_sentence_tells_why() -> None:
    assert reasons("D: I'll prescribe some naproxen. That should help with the stiffness.") == {"naproxen": "stiffness"}


def test_the_sentence_before_tells_what_is_feared() -> None:
    assert reasons("D: I'm worried about a blood clot. So let's get an ultrasound of the leg.") == {
        "ultrasound of the leg": "worried about a blood clot"
    }


def test_a_later_segment_gives_a_known_order_its_reason() -> None:
    lines = ("D: I'd like to order an MRI of the knee.", "D: That's to rule out a meniscal tear.")
    found = orders(*lines)["mri of the knee"]
    assert found.attributes["reason"] == "rule out a meniscal tear"
    assert [(e.segment, e.quote) for e in found.evidence] == [
        ("s1", "MRI of the knee"),
        ("s2", "to rule out a meniscal tear"),
    ]


def test_each_order_of_a_plan_is_for_the_problem_that_was_named_last() -> None:
    assert reasons(
        "D: For your first problem of migraine, I'll prescribe sumatriptan.",
        "P: Okay.",
        "D: For your second problem, the hypertension, we'll continue the lisinopril. I want to order an echocardiogram.",
        "D: And I'm going to get a lipid panel too.",
    ) == {"sumatriptan": "migraine", "echocardiogram (echo)": "hypertension", "lipid panel": "hypertension"}


def test_a_problem_named_in_another_segment_is_quoted_beside_the_order() -> None:
    found = orders("D: So from a gout standpoint, all is stable.", "D: I'll order a uric acid.")
    (order,) = found.values()
    assert order.attributes["reason"] == "gout"
    assert [e.segment for e in order.evidence] == ["s2", "s1"]


def test_a_diagnosis_is_the_reason_where_no_problem_was_named() -> None:
    assert reasons("D: I think you have pneumonia. I'll prescribe amoxicillin.") == {"amoxicillin": "pneumonia"}


def test_a_diagnosis_that_is_denied_is_no_reason() -> None:
    assert reasons("D: I don't think you have pneumonia. I'll order some blood work.") == {"blood test": None}


def test_two_orders_of_a_sentence_have_each_its_own_reason() -> None:
    assert reasons("D: I'll prescribe ibuprofen for the pain and I'll prescribe amoxicillin for the infection.") == {
        "ibuprofen": "pain",
        "amoxicillin": "infection",
    }


def test_a_list_shares_the_reason_behind_it() -> None:
    assert reasons("D: I'll give you some naproxen and some codeine for the back pain.") == {
        "naproxen": "back pain",
        "codeine": "back pain",
    }


@pytest.mark.parametrize(
    "line",
    [
        "I'll order a lipid panel.",
        "I'll prescribe amoxicillin for seven days.",
        "I'll order an x-ray and see how it goes.",
        "I'll prescribe some cough syrup, it won't get rid of the cough.",
        "Let's do a blood test, and I want you to check your weight every day.",
    ],
)
def test_an_order_without_a_reason_has_none(line: str) -> None:
    assert set(reasons(f"D: {line}").values()) <= {None}


def test_what_is_asked_or_told_by_the_patient_is_no_reason() -> None:
    assert reasons("D: How is your asthma?", "P: It's for my mother's diabetes.", "D: I'll order a lipid panel.") == {
        "lipid panel": None
    }


def test_a_visit_is_not_for_the_problem_that_was_named_last() -> None:
    assert reasons("D: For your eczema I'll prescribe hydrocortisone. I'll see you back in two weeks.") == {
        "hydrocortisone": "eczema",
        "follow up in two weeks": None,
    }


def test_a_medicine_is_stopped_for_a_cause_and_not_for_what_it_was_taken_for() -> None:
    assert reasons("D: Stop taking the ibuprofen for the pain.") == {"stop ibuprofen": None}
    assert reasons("D: Stop taking the ibuprofen because of the stomach ulcer.") == {"stop ibuprofen": "stomach ulcer"}


def test_the_first_reason_stands_and_no_other_one_is_quoted() -> None:
    found = orders(
        "D: For your knee pain I'll order an x-ray of the knee.",
        "D: Now for your asthma.",
        "D: And I'll order the x-ray of the knee today.",
    )["x-ray of the knee"]
    assert found.attributes["reason"] == "knee pain"
    assert not any("asthma" in e.quote for e in found.evidence)


def test_two_consultations_at_once_do_not_share_a_problem() -> None:
    first = reasons("D: For your gout I'll prescribe allopurinol.")
    assert reasons("D: I'll order a uric acid.") == {"uric acid": None}
    assert first == {"allopurinol": "gout"}
