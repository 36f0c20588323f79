"""What is feared, warned of, repeated or somebody else's is no fact of the patient."""

import pytest

from tests.support.consultation import facts


@pytest.mark.parametrize(
    "line",
    [
        "P: I'm worried about cancer.",
        "P: I'm worried it's pneumonia.",
        "P: It could also be tuberculosis. It could be, cancer always comes up.",
        "P: I googled it and it says lung cancer.",
        "P: I feel that this can be some kind of brain tumour, or maybe a stroke.",
        "P: I'm not sure if migraine makes sense.",
        "P: You mentioned asthma.",
        "D: Your concerns about lung cancer, are they new?",
        "P: My blood pressure was normal.",
    ],
)
def test_a_fear_or_a_guess_is_no_history(line):
    assert facts(line) == set()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("P: I have asthma.", ("past_history", "asthma", "present")),
        ("P: As I mentioned I have asthma.", ("past_history", "asthma", "present")),
        ("P: I have blood pressure.", ("past_history", "high blood pressure", "present")),
        ("P: I'm worried about my cough.", ("symptom", "cough", "present")),
        ("D: I'm concerned about pneumonia.", ("diagnosis", "pneumonia", "possible")),
        ("P: Just lung cancer, from my mother.", ("family_history", "lung cancer", "present")),
    ],
)
def test_what_somebody_has_stays(line, expected):
    assert facts(line) == {expected}


def test_a_blood_pressure_that_was_checked_is_not_a_high_one():
    assert facts("D: Have you had your blood pressure checked?", "P: Yeah, I had it checked.") == set()


def test_a_patient_who_repeats_a_warning_has_none_of_it():
    warning = "D: Bear in mind the fever, the back pain and vomiting."
    assert facts(warning, "P: Either back pain, vomiting, great OK.") == set()
    assert facts(warning, "P: I have back pain.") == {("symptom", "back pain", "present")}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("D: Sore throat? Runny nose? Sore ears?", "P: Yeah."), set()),
        (("D: Any fever? Chills?", "P: Yes, a bit of fever."), {("symptom", "fever", "present")}),
        (("D: Any nausea? You know, feeling sick?", "P: Yes."), {("symptom", "nausea", "present")}),
        (("D: Nausea? Vomiting?", "P: No."), {("symptom", "nausea", "absent"), ("symptom", "vomiting", "absent")}),
    ],
)
def test_a_yes_to_questions_in_a_row_leaves_open_to_which(lines, expected):
    assert facts(*lines) == expected


def test_who_lives_elsewhere_is_not_at_home():
    lines = ("D: And who's at home with you?", "P: I live with a flatmate. But my family, uh, live outside of London.")
    assert facts(*lines) == {("social_history", "lives with flatmate", "present")}


def test_a_stammer_is_no_part_of_a_job():
    assert facts("D: What do you do for work?", "P: I'm an, I'm an accountant.") == {
        ("social_history", "works as accountant", "present")
    }


def test_normal_bowels_are_told_and_are_not_what_the_patient_came_for():
    lines = ("D: Are your bowels working OK?", "P: Yeah, I think so.", "P: I have a cough.")
    assert ("symptom", "normal bowel movements", "present") in facts(*lines)


@pytest.mark.parametrize(
    "lines",
    [
        ("P: My friend's mum died of a brain tumour.",),
        ("P: My wife's father had bowel cancer.",),
        ("P: My friend has terrible migraines.", "P: She gets dizzy too."),
        ("P: At first I thought it was indigestion.",),
        ("D: How are your stress levels?", "P: Fine."),
        ("D: The tablets can upset your stomach.",),
        ("D: Your white blood cell count is not elevated.",),
        ("P: Her iron has been low.",),
        ("P: My potassium is low.",),
        ("D: No changes to the metformin.",),
        ("D: Is that all you're worried about?", "P: Cancer."),
        ("D: Brain cancer, I know that was a big worry of yours.",),
        ("D: In meningitis you get a non-blanching rash.",),
        ("D: It's called lyme disease, that you can get from a tick.",),
        ("D: Let's try and work out what's going on. We'll try to get you an appointment.",),
    ],
)
def test_what_is_not_the_patients_is_no_finding(lines):
    assert facts(*lines) == set()


def test_what_another_noticed_on_the_patient_is_the_patients():
    assert facts("P: My husband noticed a lump in my breast.") == {("symptom", "breast lump", "present")}
    assert facts("P: My wife says I snore. She has noticed that my cough is worse.") == {
        ("symptom", "snoring", "present"),
        ("symptom", "cough", "present"),
    }
    assert facts("P: My wife's mother had a stroke, and my own mother has diabetes.") == {
        ("family_history", "diabetes", "present")
    }


def test_a_maybe_takes_back_a_no_and_not_a_yes():
    asked = ("D: Any headaches or fever?", "P: No.")
    assert ("symptom", "headache", "possible") in facts(*asked, "P: A headache maybe.")
    assert facts("P: I have a headache.", "P: Maybe a headache.") == {("symptom", "headache", "present")}


def test_what_went_away_is_over_behind_a_but_too():
    assert facts("P: I had a fever on Monday but that went away.") == {("symptom", "fever", "absent")}
    assert facts("P: I have a cough but the fever has gone.") == {
        ("symptom", "cough", "present"),
        ("symptom", "fever", "absent"),
    }


def test_without_of_manners_denies_nothing():
    assert facts("P: Without sounding rude, it's like diarrhoea.") == {("symptom", "diarrhea", "present")}


def test_only_a_denial_of_what_is_asked_turns_a_yes_around():
    lines = ("D: You take metformin 500 milligrams, no wait, we talked of that, is that correct?", "P: Yes.")
    assert facts(*lines) == {("medication", "metformin", "present")}
    assert facts("D: So no fever, is that right?", "P: Yes.") == {("symptom", "fever", "absent")}


def test_a_yes_goes_to_the_question_beside_it_even_where_a_no_was_misheard():
    lines = ("D: And do you smoke?", "P: Uh.", "D: Drink any alcohol?", "D: No.", "P: Sorry, occasionally.")
    found = facts(*lines)
    assert ("social_history", "alcohol", "present") in found
    assert ("social_history", "smoking", "present") not in found
    assert facts("D: Do you have any nausea? Vomiting?", "P: Yes.") == {("symptom", "vomiting", "present")}


def test_a_concern_for_an_illness_is_a_suspicion_whoever_speaks() -> None:
    assert facts("A: There is some concern for pneumonia.") == {("diagnosis", "pneumonia", "possible")}
    assert facts("A: My biggest concern is cancer.") == facts("A: I'm concerned about cancer.") == set()
