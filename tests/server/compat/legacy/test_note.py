from server.compat.legacy.note import FIELDS, extraction


def finding(kind, text, status="present", temporality="current", experiencer="patient", **attributes):
    return {
        "id": text, "kind": kind, "text": text, "status": status, "temporality": temporality,
        "experiencer": experiencer, "attributes": attributes, "evidence": [], "source": "rules", "confidence": 0.9,
        "codes": [],
    }  # fmt: skip


def test_a_consultation_in_which_nothing_was_said_has_five_empty_strings():
    assert extraction([]) == dict.fromkeys(FIELDS, "")


def test_every_kind_of_finding_has_its_field_and_items_are_joined():
    assert extraction(
        [
            finding("chief_complaint", "headache", onset="3 days ago"),
            finding("symptom", "nausea"),
            finding("symptom", "fever", status="absent"),
            finding("diagnosis", "migraine", status="possible"),
            finding("allergy", "penicillin", reaction="rash"),
            finding("family_history", "migraine", experiencer="family", relation="mother"),
            finding("past_history", "asthma", temporality="past"),
            finding("social_history", "smoking", status="absent"),
            finding("vital", "blood pressure", value="140/90", unit="mmHg"),
            finding("medication", "paracetamol", dose="500 mg", frequency="twice a day"),
            finding("order", "ibuprofen", temporality="planned", order_type="medication", dose="400 mg"),
            finding("advice", "drink more water", temporality="planned"),
            finding("order", "blood count", temporality="planned", order_type="lab"),
            finding("order", "follow-up in 1 week", temporality="planned", order_type="followup"),
        ]
    ) == {
        "chief_complaint": "headache (onset 3 days ago); nausea; denies fever",
        "diagnosis": "possible migraine; allergy: penicillin (reaction rash); family history: mother: migraine; "
        "past history: asthma (past); social history: denies smoking; measured: blood pressure 140/90 mmHg",
        "medicine": "paracetamol 500 mg twice a day; ibuprofen 400 mg (planned)",
        "advice": "drink more water (planned)",
        "next_steps": "blood count (planned); follow-up in 1 week (planned)",
    }


def test_what_is_denied_over_or_doubtful_keeps_saying_so():
    told = extraction(
        [
            finding("allergy", "penicillin", status="absent"),
            finding("medication", "warfarin", temporality="past", check="dose: two units; name: unknown"),
            finding("symptom", "chest pain", experiencer="family", relation="father"),
        ]
    )
    assert told["diagnosis"] == "denies allergy to penicillin; family history: father: chest pain"
    assert told["medicine"] == "warfarin (check dose: two units, name: unknown, past)"
    assert told["chief_complaint"] == ""


def test_an_item_holds_no_separator_and_comes_once():
    twice = [finding("symptom", "pain; burning", location="back"), finding("symptom", "pain; burning", location="back")]
    assert extraction(twice)["chief_complaint"] == "pain, burning (location back)"
