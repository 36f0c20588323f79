"""A consultation made by hand as the wire events of a log, with findings of every kind and status."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

from inference.extraction import Patient
from inference.findings import ATTRIBUTES, Code, Evidence, Experiencer, Finding, Kind, Operation, Source, Status
from inference.findings import Temporality as Time
from inference.stream import Mode
from inference.timing import Timings
from inference.transcript import Segment, Speaker, word_span
from inference.updates import ExtractionUpdate, Progress, TranscriptUpdate, Update
from server.protocol import event, update_fields
from server.record.record import Declared, Record, draw

STARTED = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
PATIENT = Patient("Jane Doe-Müller", 54, "female", "Seen in May for a sprained ankle.")

TURNS: list[tuple[Speaker, str]] = [
    ("clinician", "What brings you in today?"),
    ("patient", "I have had this chest pain since yesterday evening, seven out of ten, and maybe a bit of a fever."),
    ("clinician", "Any shortness of breath?"),
    ("patient", "No. I had some vomiting last week, it is gone now."),
    ("patient", "I have high blood pressure, no diabetes, and I take lies in April ten milligrams once a day."),
    ("patient", "I stopped the ibuprofen. I am not on any blood thinners. Perhaps I took some aspirin."),
    ("patient", "Penicillin gives me a rash. Latex is fine. It may be that I react to nuts."),
    ("patient", "My mother had a heart attack. Nobody had a stroke. My brother perhaps has asthma and coughs."),
    ("patient", "I smoke ten a day. I don't drink."),
    ("clinician", "Your blood pressure is 150 over 95, the temperature 37.2, and you look well, no rash to see."),
    ("clinician", "This may be angina. I do not think that it is pneumonia. You do have hypertension."),
    ("clinician", "I will prescribe aspirin 75 milligrams once a day, and no more ibuprofen."),
    ("clinician", "We will do a troponin test and an ECG, maybe a chest X-ray, no CT for now."),
    ("clinician", "I refer you to cardiology. Come back in two weeks. Do not lift heavy things. Rest."),
]


def segments(turns: list[tuple[Speaker, str]] = TURNS) -> list[Segment]:
    """The turns as final segments, five seconds each."""
    return [
        Segment(f"{speaker[0]}{number}", speaker, 5.0 * number, 5.0 * number + 4.5, text, True)
        for number, (speaker, text) in enumerate(turns)
    ]


def evidence(turn: Segment, quote: str) -> Evidence:
    start = turn.text.index(quote)
    from_s, to_s = word_span(turn, start, start + len(quote))
    return Evidence(turn.id, quote, start, start + len(quote), round(from_s, 2), round(to_s, 2), turn.speaker)


class Told:
    """Makes findings about the turns, numbered as they come."""

    def __init__(self) -> None:
        self.turns = segments()
        self.findings: list[Finding] = []

    def add(
        self, kind: Kind, text: str, status: Status, turn: int, quote: str, time: Time = "current",
        who: Experiencer = "patient", source: Source = "rules", codes: tuple[Code, ...] = (), **attributes: str,
    ) -> None:  # fmt: skip
        assert set(attributes) <= set(ATTRIBUTES)
        proof = (evidence(self.turns[turn], quote),)
        number = f"f{len(self.findings) + 1}"
        made = Finding(number, kind, text, status, time, who, attributes, proof, source, 0.8, codes)
        self.findings.append(made)


def findings() -> list[Finding]:
    told = Told()
    add = told.add
    pain = (Code("ICD-10-CM", "R07.9", "Chest pain, unspecified"),)
    add("chief_complaint", "chest pain", "present", 1, "this chest pain since yesterday evening", codes=pain,
        onset="since yesterday evening", severity="seven out of ten")  # fmt: skip
    add("symptom", "fever", "possible", 1, "maybe a bit of a fever")
    add("symptom", "shortness of breath", "absent", 2, "shortness of breath")
    answered = evidence(told.turns[3], "No")
    told.findings[-1] = replace(told.findings[-1], evidence=(*told.findings[-1].evidence, answered))
    add("symptom", "vomiting", "present", 3, "some vomiting last week", "past", onset="last week")
    high = (Code("ICD-10-CM", "I10", "Essential (primary) hypertension"),)
    add("past_history", "high blood pressure", "present", 4, "high blood pressure", source="clinician", codes=high)
    add("past_history", "diabetes", "absent", 4, "no diabetes")
    drug = (Code("MeSH", "D017706", "Lisinopril"), Code("DrugBank", "DB00722", "Lisinopril"))
    add("medication", "lisinopril", "present", 4, "lies in April ten milligrams once a day", codes=drug, dose="10 mg",
        frequency="once a day", heard="lies in April")  # fmt: skip
    add("medication", "ibuprofen", "present", 5, "stopped the ibuprofen", "past")
    add("medication", "blood thinners", "absent", 5, "not on any blood thinners")
    add("medication", "aspirin", "possible", 5, "Perhaps I took some aspirin")
    add("allergy", "penicillin", "present", 6, "Penicillin gives me a rash", reaction="rash")
    add("allergy", "latex", "absent", 6, "Latex is fine")
    add("allergy", "nuts", "possible", 6, "may be that I react to nuts")
    add("family_history", "heart attack", "present", 7, "My mother had a heart attack", "past", "family",
        relation="mother")  # fmt: skip
    add("family_history", "stroke", "absent", 7, "Nobody had a stroke", who="family")
    add("family_history", "asthma", "possible", 7, "My brother perhaps has asthma", who="family", relation="brother")
    add("symptom", "cough", "present", 7, "coughs", who="family", relation="brother")
    add("social_history", "smoking", "present", 8, "smoke ten a day", frequency="ten a day")
    add("social_history", "alcohol", "absent", 8, "don't drink")
    add("vital", "blood pressure", "present", 9, "blood pressure is 150 over 95", value="150/95", unit="mmHg")
    add("vital", "temperature", "present", 9, "temperature 37.2", value="37.2", unit="°C")
    add("vital", "general appearance", "present", 9, "you look well", value="well")
    add("vital", "rash", "absent", 9, "no rash to see")
    add("diagnosis", "angina", "possible", 10, "may be angina", codes=(Code("ICD-10-CM", "I20.9", "Angina pectoris"),))
    add("diagnosis", "pneumonia", "absent", 10, "do not think that it is pneumonia")
    add("diagnosis", "hypertension", "present", 10, "You do have hypertension", source="clinician", codes=high)
    add("medication", "aspirin", "present", 11, "prescribe aspirin 75 milligrams once a day", "planned", dose="75 mg",
        frequency="once a day", reason="chest pain")  # fmt: skip
    add("order", "ibuprofen", "absent", 11, "no more ibuprofen", "planned", order_type="medication")
    add("order", "troponin", "present", 12, "a troponin test", "planned", order_type="lab")
    add("order", "ECG", "present", 12, "an ECG", "planned")
    add("order", "chest X-ray", "possible", 12, "maybe a chest X-ray", "planned", order_type="imaging")
    add("order", "CT", "absent", 12, "no CT for now", "planned", order_type="imaging")
    add("order", "cardiology", "present", 13, "refer you to cardiology", "planned", order_type="referral")
    add("order", "review", "present", 13, "Come back in two weeks", "planned", order_type="followup",
        duration="in two weeks")  # fmt: skip
    add("advice", "lifting heavy things", "absent", 13, "Do not lift heavy things")
    add("advice", "rest", "present", 13, "Rest", source="model")
    return told.findings


def log(updates: list[Update], ended: bool = True) -> list[bytes]:
    """The events of a session that told the updates."""
    numbers = itertools.count(2)
    started = {"session_id": "SESSION", "resume_token": "SECRET", "models": {"asr": "base", "extraction": "rules"}}
    events = [event("session_started", 1, **started)]
    for update in updates:
        type_, fields = update_fields(update, 16_000) or ("", {})
        events.append(event(type_, next(numbers), **fields))
    if ended:
        events.append(event("session_stopped", next(numbers), reason="client", audio_s=70.5, segments=1, findings=1))
    return events


def updates(found: list[Finding], turns: list[Segment] | None = None) -> list[Update]:
    timings = Timings()
    said: list[Update] = [TranscriptUpdate(turn, timings) for turn in turns or segments()]
    operations = tuple(Operation("add", finding) for finding in found)
    return [*said, ExtractionUpdate(1, operations, timings), Progress(65.0, 12.0)]


def record(
    found: list[Finding] | None = None,
    turns: list[Segment] | None = None,
    patient: Patient | None = PATIENT,
    mode: Mode = "dual",
    ended: bool = True,
    software: tuple[str, str] = ("drtranscribe", "1.2.3"),
) -> Record:
    events = log(updates(findings() if found is None else found, turns), ended)
    drawn_at = STARTED.replace(hour=10)
    return draw(events, "SESSION", Declared(mode, "en", patient, STARTED), drawn_at, software)
