"""What the rules find in a consultation, and what they leave alone."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.extraction import Consultation
from inference.extraction.rules import RulesExtractor
from tests.consultation import facts, findings, segments


@pytest.mark.parametrize(
    ("line", "symptom"),
    [
        ("I've had some pain in my, like, lower stomach.", "lower abdominal pain"),
        ("My head hurts.", "headache"),
        ("My chest feels really tight.", "chest tightness"),
        ("My face has been feeling a bit numb.", "facial numbness"),
        ("I've got a bit of a sore throat.", "sore throat"),
        ("I can't sleep.", "difficulty sleeping"),
        ("I've been throwing up all night.", "vomiting"),
        ("I'm short of breath on the stairs.", "shortness of breath"),
        ("I've had diarrhoea since Monday.", "diarrhea"),
        ("I keep getting dizzy.", "dizziness"),
        ("My ankles are swollen.", "ankle swelling"),
        ("I have a burning pain when I wee.", "burning on urination"),
    ],
)
def test_a_patients_own_words_become_a_symptom(line: str, symptom: str) -> None:
    assert ("symptom", symptom, "present") in facts(f"P: {line}")
    assert ("symptom", symptom, "present") in facts(f"A: {line}")


@pytest.mark.parametrize(
    ("line", "symptom", "status"),
    [
        ("I haven't had any fever.", "fever", "absent"),
        ("No rash, and no itching either.", "itching", "absent"),
        ("The vomiting has stopped.", "vomiting", "absent"),
        ("My stomach doesn't hurt.", "abdominal pain", "absent"),
        ("Maybe I had a fever.", "fever", "possible"),
        ("I can't stop coughing.", "cough", "present"),
        ("The headache hasn't gone away.", "headache", "present"),
        ("No, I have a cough.", "cough", "present"),
    ],
)
def test_a_statement_has_the_status_that_its_words_give_it(line: str, symptom: str, status: str) -> None:
    assert facts(f"P: {line}") == {("symptom", symptom, status)} | {
        fact for fact in facts(f"P: {line}") if fact[1] != symptom
    }


def test_a_no_denies_what_the_question_asked_and_the_evidence_holds_both() -> None:
    (fever,) = findings("D: Have you had any fever at all?", "P: No, nothing like that.")
    assert (fever.text, fever.status) == ("fever", "absent")
    assert [e.quote for e in fever.evidence] == ["fever", "No, nothing like that"]
    assert [e.speaker for e in fever.evidence] == ["clinician", "patient"]


def test_a_yes_affirms_it_with_what_it_adds() -> None:
    (fever,) = findings("D: Any fever?", "P: Yes, since Monday.")
    assert (fever.text, fever.status, fever.attributes["onset"]) == ("fever", "present", "since Monday")


def test_a_no_denies_every_item_of_a_list() -> None:
    assert facts("D: Any nausea, vomiting or chest pain?", "P: No.") == {
        ("symptom", "nausea", "absent"),
        ("symptom", "vomiting", "absent"),
        ("symptom", "chest pain", "absent"),
    }


def test_a_yes_to_a_list_says_only_what_the_answer_names() -> None:
    assert facts("D: Any nausea or vomiting?", "P: Yes, I've been throwing up.") == {("symptom", "vomiting", "present")}
    assert facts("D: Any nausea or vomiting?", "P: Yes.") == set()


def test_questions_in_a_row_share_their_answer() -> None:
    assert facts("D: Any fever? Any cough?", "P: No.") == {
        ("symptom", "fever", "absent"),
        ("symptom", "cough", "absent"),
    }


def test_a_question_without_an_answer_is_no_finding() -> None:
    assert facts("D: Have you had any fever?", "D: And how long have you been here?", "P: No.") == set()
    assert facts("D: Have you had any fever?") == set()


def test_a_question_and_its_answer_may_share_an_ambient_segment() -> None:
    assert facts("A: Have you had any fever at all? No, nothing. And any chest pain? Yeah, a little bit.") == {
        ("symptom", "fever", "absent"),
        ("symptom", "chest pain", "present"),
    }


def test_an_answer_is_found_where_the_recogniser_left_out_the_marks() -> None:
    assert ("symptom", "fever", "absent") in facts("A: have you had any fever no nothing like that")


def test_coordinated_words_share_their_head() -> None:
    assert facts("D: Any blood in the stool or in the urine?", "P: No blood.") >= {
        ("symptom", "blood in stool", "absent"),
        ("symptom", "blood in urine", "absent"),
    }


def test_what_might_happen_is_no_finding() -> None:
    assert not {f for f in facts("D: If you get a rash or a high fever, call us.") if f[0] == "symptom"}
    assert facts("D: These tablets can cause nausea and headaches.") == set()


def test_the_first_symptoms_told_are_the_chief_complaint_and_later_ones_are_not() -> None:
    found = findings("D: How can I help?", "P: I've had diarrhoea for three days.", "P: I also feel weak.")
    assert [(f.kind, f.text) for f in found] == [("chief_complaint", "diarrhea"), ("symptom", "weakness")]
    assert found[0].attributes["duration"] == "three days"


def test_an_answer_to_how_long_adds_to_the_symptom_before_it() -> None:
    (cough,) = findings("P: I have a cough.", "D: How long has that been going on?", "P: About three weeks.")
    assert cough.attributes["duration"] == "About three weeks"
    assert [e.quote for e in cough.evidence] == ["cough", "About three weeks"]


def test_a_relatives_illness_is_family_history() -> None:
    found = findings("D: Any illnesses in the family?", "P: My mum has diabetes.", "P: She had a stroke as well.")
    assert [(f.kind, f.text, f.experiencer, f.attributes["relation"]) for f in found] == [
        ("family_history", "diabetes", "family", "mother"),
        ("family_history", "stroke", "family", "mother"),
    ]


def test_conditions_are_history_from_the_patient_and_a_diagnosis_from_the_clinician() -> None:
    assert facts("P: I have asthma and high blood pressure.") == {
        ("past_history", "asthma", "present"),
        ("past_history", "high blood pressure", "present"),
    }
    assert facts("D: I think this is gastroenteritis.") == {("diagnosis", "gastroenteritis", "present")}
    assert facts("D: It could be a migraine.") == {("diagnosis", "migraine", "possible")}


def test_a_medicine_has_its_dose_frequency_route_and_form() -> None:
    (medicine,) = findings("P: I take lisinopril tablets, ten milligrams, twice a day by mouth.")
    assert (medicine.kind, medicine.text, medicine.status) == ("medication", "lisinopril", "present")
    assert medicine.attributes == {"dose": "10 mg", "frequency": "twice a day", "route": "by mouth", "form": "tablet"}


def test_a_dose_in_a_later_answer_belongs_to_the_medicine_before_it() -> None:
    (medicine,) = findings("P: I take ramipril.", "D: How much do you take?", "P: Five milligrams once a day.")
    assert medicine.attributes == {"dose": "5 mg", "frequency": "once a day"}


def test_what_is_not_taken_is_absent_and_what_is_prescribed_is_an_order() -> None:
    assert facts("D: Are you taking any ibuprofen?", "P: No.") == {("medication", "ibuprofen", "absent")}
    (order,) = findings("D: I'm going to prescribe amoxicillin, 500 mg three times a day for a week.")
    assert (order.kind, order.text, order.temporality) == ("order", "amoxicillin", "planned")
    assert order.attributes["order_type"] == "medication"
    assert order.attributes["dose"] == "500 mg"


def test_allergies_have_their_substance_and_no_allergies_is_a_finding() -> None:
    (allergy,) = findings("P: I'm allergic to penicillin, it brings me out in a rash.")
    assert (allergy.kind, allergy.text, allergy.attributes) == ("allergy", "penicillin", {"reaction": "rash"})
    assert facts("D: Any allergies to medication?", "P: No.") == {("allergy", "drug allergy", "absent")}
    assert facts("D: Do you have any allergies?", "P: Yes, penicillin.") == {("allergy", "penicillin", "present")}
    assert facts("P: No known allergies.") == {("allergy", "drug allergy", "absent")}


def test_vitals_habits_orders_and_advice_are_found() -> None:
    (pressure,) = findings("D: Your blood pressure is one twenty over eighty.")
    assert (pressure.kind, pressure.attributes) == ("vital", {"value": "120/80", "unit": "mmHg"})
    assert facts("D: Do you smoke?", "P: No.") == {("social_history", "smoking", "absent")}
    plan = facts("D: I'd like to do some blood tests. Drink plenty of fluids. Come back and see me in two weeks.")
    assert ("order", "blood test", "present") in plan
    assert ("advice", "drink plenty of fluids", "present") in plan
    assert any(kind == "order" and "two weeks" in text for kind, text, _ in plan)


@pytest.mark.parametrize(
    "sentence",
    [
        "It is a truth universally acknowledged that a single man must be in want of a wife.",
        "The horse was cold and the wind whistled around the corner of the house.",
        "She stroked the cat, which lay by the fire with its teeth bared.",
        "His heart was heavy as he walked home along the cold river.",
        "In the meantime the creator of the work took the road along the coast.",
        "Unless to be rather cold hearted and rather selfish is to be ill disposed.",
    ],
)
@pytest.mark.parametrize("speaker", ["A", "P", "D"])
def test_ordinary_prose_holds_no_finding(speaker: str, sentence: str) -> None:
    assert facts(f"{speaker}: {sentence}") == set()


def test_only_what_rests_on_a_new_segment_is_proposed() -> None:
    finals = segments("P: I have a cough.", "D: Any fever?", "P: No.")
    proposals = RulesExtractor().propose(Consultation(finals, 2, ()))
    assert [p.text for p in proposals] == ["fever"]


def test_an_answer_that_began_before_the_question_answers_another_one() -> None:
    early, question = segments("P: Yeah.", "D: So about your cough, are you bringing up any phlegm at all?")
    assert RulesExtractor().propose(Consultation([question, early], 0, ())) == []


def test_another_language_is_left_alone() -> None:
    finals = segments("P: I have a cough.")
    assert RulesExtractor().propose(Consultation(finals, 0, (), language="de")) == []


async def test_extraction_runs_beside_the_event_loop() -> None:
    extractor = RulesExtractor()
    await extractor.start()
    finals = segments("P: I have a cough.")
    first, second = await asyncio.gather(
        extractor.extract(Consultation(finals, 0, ())), extractor.extract(Consultation(finals, 0, ()))
    )
    await extractor.close()
    assert first == second == extractor.propose(Consultation(finals, 0, ()))


_SPOKEN = (
    "any fever no yes cough , . ? ! i you my have had not pain in chest since monday three days take ten mg aspirin allergic "
    "to penicillin mother diabetes if or and blood stool pressure 120 over 80 smoke for the"
)


@given(
    lines=st.lists(
        st.tuples(st.sampled_from("DPA"), st.lists(st.sampled_from(_SPOKEN.split()), max_size=14)), max_size=6
    )
)
def test_whatever_is_said_every_proposal_is_grounded(lines: list[tuple[str, list[str]]]) -> None:
    for finding in findings(*(f"{speaker}: {' '.join(words)}" for speaker, words in lines)):
        assert finding.evidence
