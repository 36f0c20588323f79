"""Answers and sentences that say less, more or the contrary of what their first words seem to say."""

import pytest

from tests.support.consultation import facts, findings


def told(*lines: str) -> set[tuple[str, str]]:
    return {(text, status) for kind, text, status in facts(*lines) if kind in ("symptom", "past_history", "diagnosis")}


FEVER, NO_FEVER = {("fever", "present")}, {("fever", "absent")}
COUGH, NO_COUGH = {("cough", "present")}, {("cough", "absent")}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("D: Any fever?", "P: Fever? No."), NO_FEVER),
        (("D: Any cough?", "P: Cough, no."), NO_COUGH),
        (("D: Any cough or fever?", "P: Cough, yes. Fever, no."), COUGH | NO_FEVER),
        (("D: Any cough?", "P: Not so much a cough, no."), NO_COUGH),
        (("P: The headache, no, it's in the front."), {("headache", "present")}),
        (("D: Any cough?", "P: No. Well, yes, a tiny bit."), COUGH),
        (("D: Any cough?", "P: Not a lot, just a little."), COUGH),
        (("D: Do you get any chest pain?", "P: Not unless I'm running."), {("chest pain", "present")}),
        (("D: So you're not getting any headaches?", "P: No, I am."), {("headache", "present")}),
        (("D: You've not been vomiting?", "P: Correct."), {("vomiting", "absent")}),
        (("D: There's no chest pain?", "P: That's right."), {("chest pain", "absent")}),
    ],
)
def test_an_answer_is_what_all_its_words_say(lines, expected):
    assert told(*([lines] if isinstance(lines, str) else lines)) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("D: Any headache, nausea, vomiting?", "P: Yes, yes, no."),
         {("headache", "present"), ("nausea", "present"), ("vomiting", "absent")}),
        (("D: Any fevers, chills, nausea?", "P: No fevers. I've had chills."),
         {("fever", "absent"), ("chills", "present")}),
        (("D: Any nausea, vomiting, dizziness?", "P: All of them, to be honest."),
         {("nausea", "present"), ("vomiting", "present"), ("dizziness", "present")}),
        (("D: Any nausea or vomiting?", "P: Just the nausea."), {("nausea", "present"), ("vomiting", "absent")}),
        (("D: Any heartburn or dizziness?", "P: Yeah, both."), {("heartburn", "present"), ("dizziness", "present")}),
    ],
)  # fmt: skip
def test_a_list_is_answered_item_by_item(lines, expected):
    assert told(*lines) == expected


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        ("D: Do you have asthma, or take ibuprofen?", ("past_history", "asthma"), ("medication", "ibuprofen")),
        ("D: Any ibuprofen, asthma?", ("medication", "ibuprofen"), ("past_history", "asthma")),
    ],
)
def test_a_list_of_conditions_and_medicines_is_answered_in_its_order(question, first, second):
    assert facts(question, "P: Yes, no.") == {(*first, "present"), (*second, "absent")}


@pytest.mark.parametrize(
    "line",
    ["P: I've never had a headache like this.", "P: I don't have many headaches.", "P: I don't think the headache is getting any better.",
     "P: It's not the headache that bothers me."],
)  # fmt: skip
def test_a_denial_of_something_else_leaves_the_symptom(line):
    assert ("headache", "present") in told(line)


@pytest.mark.parametrize(
    "lines",
    [
        ("D: Any chest pain, call us straight away.",),
        ("D: What I'd want you to come back for is a fever, a rash, anything like that.", "P: Yeah."),
        ("D: So you know what to look out for?", "P: Yeah, a fever or a rash."),
        ("P: So come back if I get a rash.",),
        ("D: Nothing to worry about, things like fevers and back pain."),
        ("D: You may have some nausea with these tablets.",),
        ("D: Excuse me, I've a headache today.", "P: Oh dear."),
        ("D: Do you know what asthma is?", "P: Yes, kind of."),
        ("P: I read about asthma online.",),
        ("A: I'm worried you think I have cancer.",),
        ("P: There's a cough going round at school.",),
        ("P: My husband's had a fever and a cough.",),
        ("P: A woman at work has diabetes.",),
        ("P: I took paracetamol so I wouldn't get a headache.",),
        ("D: Any fever?", "P: I haven't checked."),
        ("D: Are you happy to take antibiotics, if I send them?", "P: Yeah, that's fine."),
    ],
)
def test_what_is_warned_of_read_about_or_anothers_is_no_finding(lines):
    assert told(*([lines] if isinstance(lines, str) else lines)) == set()


def test_a_condition_that_a_question_takes_for_granted_is_not_denied_by_its_no():
    assert told("D: Are you taking anything for your asthma?", "P: No.") == {("asthma", "present")}
    assert told("P: I don't have asthma.", "D: Are you taking anything for your asthma?", "P: No.") == {
        ("asthma", "absent")
    }
    assert told("D: Have you had your diabetes check?", "P: No, not yet.") == set()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("D: It sounds like a migraine.", ("migraine", "possible")),
        ("D: You may have a viral infection.", ("viral infection", "possible")),
        ("D: I suspect you have pneumonia.", ("pneumonia", "possible")),
        ("D: We have to rule out meningitis.", ("meningitis", "possible")),
        ("D: I think this is a viral infection.", ("viral infection", "present")),
        ("A: You probably have gastroenteritis.", ("gastroenteritis", "possible")),
        ("A: We are worried about meningitis, so you need to go now.", ("meningitis", "possible")),
    ],
)
def test_a_diagnosis_is_as_sure_as_it_is_put(line, expected):
    assert told(line) == {expected}


def test_a_question_with_any_and_a_time_asks_for_yes_or_no():
    assert told("D: Any shortness of breath when you're sitting still?", "P: No.") == {
        ("shortness of breath", "absent")
    }
    lines = ("D: Your breathing, any shortness of breath when you're sitting still?", "P: No.")
    assert told(*lines) == {("shortness of breath", "absent")}
    assert told("D: Does it feel like the room's spinning?", "P: No.") == {("dizziness", "absent")}


def test_a_diagnosis_may_stand_far_behind_the_words_that_make_it_one():
    line = "D: I think you're, you're going through a bit of a bit of a viral illness."
    assert told(line) == {("viral infection", "present")}


def test_a_generic_infection_beside_its_name_is_no_second_diagnosis():
    found = facts("D: I think you have gastroenteritis. It's an infection of your tummy.")
    assert found == {("diagnosis", "gastroenteritis", "present")}


def test_relatives_are_named_in_an_answer():
    assert ("family_history", "diabetes", "present") in facts("D: Any family history of diabetes?", "P: My mum.")
    assert facts("D: Does your mum have diabetes?", "P: No, my dad does.") == {
        ("family_history", "diabetes", "present")
    }
    assert facts("P: Nobody in my family has diabetes.") == {("family_history", "diabetes", "absent")}


def test_who_does_not_drink_or_smoke_is_no_drinker_and_no_smoker():
    assert facts("P: I don't smoke or drink.") == {
        ("social_history", "smoking", "absent"),
        ("social_history", "alcohol", "absent"),
    }
    assert facts("P: I'm teetotal.") == {("social_history", "alcohol", "absent")}
    assert facts("P: I'm a non-smoker.") == {("social_history", "smoking", "absent")}


def test_a_clinician_whom_nobody_names_explains_and_changes_nothing():
    assert told("A: I have diarrhoea.", "A: Once you're not having any diarrhoea you can eat meat.") == {
        ("diarrhea", "present")
    }
    assert told("A: I've had no fever.", "A: Call us with your fever.") == NO_FEVER
    (cough,) = findings("P: It's a non-productive cough.")
    assert (cough.status, cough.attributes) == ("present", {"character": "non-productive"})


def test_an_allergy_told_by_its_effect_is_one():
    assert facts("P: Penicillin brings me out in a rash.") == {("allergy", "penicillin", "present")}
    assert ("allergy", "ibuprofen", "present") not in facts("P: Ibuprofen gives me a headache.")


def test_a_medicine_has_one_name():
    assert facts("P: I take an inhaler.", "D: Is it the blue inhaler?", "P: Yes.") == {
        ("medication", "blue inhaler", "present")
    }
    assert facts("P: I take an inhaler.", "P: I've got a blue inhaler and a brown inhaler.") == {
        ("medication", "blue inhaler", "present"),
        ("medication", "brown inhaler", "present"),
    }
    assert facts("P: I use salbutamol inhalers.") == {("medication", "salbutamol", "present")}
    assert facts("P: I'm supposed to take metformin but I don't.") == {("medication", "metformin", "absent")}
    assert facts("P: I came off the sertraline.") == {("medication", "sertraline", "absent")}


def test_thoughts_of_suicide_are_heard_however_they_are_put():
    for lines in (
        ("D: Do you ever feel that life isn't worth living?", "P: Sometimes, yeah."),
        ("P: I sometimes think everyone would be better off without me.",),
    ):
        assert told(*lines) == {("suicidal thoughts", "present")}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("D: So you don't have a fever.", "P: No, I do."), FEVER),
        (("D: So you don't have a fever.", "P: No."), NO_FEVER),
        (("D: So you don't have a fever?", "P: Right."), NO_FEVER),
        (("D: And you haven't had a cough.", "P: No, I have actually."), COUGH),
        (("D: So there's been no fever.", "P: No, there has. On Monday."), FEVER),
        (("D: You've got no fever.", "P: I have a cough."), COUGH | NO_FEVER),
        (("D: There's no rash that I can see. How does that feel?", "P: It does hurt."), {("rash", "absent")}),
    ],
)
def test_a_denial_falls_where_the_other_speaker_affirms_with_its_verb(lines, expected):
    assert told(*lines) == expected
    assert told(*("A" + line[1:] for line in lines)) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("D: Any fever, cough, or rash?", "P: Everything but the rash."), FEVER | COUGH | {("rash", "absent")}),
        (("D: Any fever, cough, or rash?", "P: Just the cough."), NO_FEVER | COUGH | {("rash", "absent")}),
        (("D: Any fever? Any rash? Any cough?", "P: Only a cough."), NO_FEVER | COUGH | {("rash", "absent")}),
        (
            ("D: Any cough, fever, or rash?", "P: A bit of a cough, but no to the others."),
            NO_FEVER | COUGH | {("rash", "absent")},
        ),
        (
            ("D: Any diabetes, high blood pressure?", "P: Other than the blood pressure, no."),
            {("diabetes", "absent"), ("high blood pressure", "present")},
        ),
        (
            ("D: Any pain in your back or your legs?", "P: Just my back."),
            {("back pain", "present"), ("leg pain", "absent")},
        ),
        (("D: Are you short of breath?", "P: Only lying flat."), {("shortness of breath", "present")}),
    ],
)
def test_an_exception_to_a_list_is_told_apart_from_the_others(lines, expected):
    assert told(*lines) == expected


@pytest.mark.parametrize(
    "reply",
    [
        "First thing in the morning, mainly.", "Just if I've been running.", "Not in the daytime, but at night it does.",
        "A touch.", "Mild, I'd say.", "It flares up now and then.", "Not too bad today, but yes.", "Going upstairs it does.",
        "When I'm rushing for the bus, that sort of thing.", "You could say that.", "It's only really when I lie down.",
    ],
)  # fmt: skip
def test_where_when_and_how_much_answer_yes(reply):
    assert told("D: Do you get any chest pain?", f"P: {reply}") == {("chest pain", "present")}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("P: If I had a fever I'd have stayed at home.",), set()),
        (("P: Everyone at work has had this bug with vomiting.",), set()),
        (("D: Take it with food so you don't get heartburn.", "P: OK."), set()),
        (("D: Any weakness in your legs or trouble peeing, you go straight to hospital.", "P: Yes."), set()),
        (("P: No temperature, no cough.",), NO_FEVER | NO_COUGH),
        (("P: I had a cough last week but my chest is fine now.",), NO_COUGH),
        (("D: Any problems with your waterworks?", "P: With my what?"), set()),
    ],
)
def test_what_is_supposed_or_of_others_is_not_noted(lines, expected):
    assert told(*lines) == expected
