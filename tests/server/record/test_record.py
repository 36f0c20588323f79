"""The record as a value, as JSON and as Markdown."""

import json
import re
from dataclasses import replace

import pytest

from inference.extraction import Patient
from inference.findings import Finding, Operation
from inference.timing import Timings
from inference.transcript import Segment
from inference.updates import ExtractionUpdate, TranscriptUpdate
from server.protocol import event, finding_fields
from server.record.formats import FORMATS, NotInstalled, format_of, render
from server.record.record import Declared, draw
from server.record.soap import LAYOUT, soap
from server.record.wording import clock, phrase, plain, said
from tests.support.recorded import PATIENT, STARTED, evidence, findings, log, record, segments, updates

LINE = re.compile(r"- (.+) \[((?:\d+:)?\d\d:\d\d[^\]]*)\]")


def markdown(**fields) -> str:
    return render(record(**fields), "markdown").decode()


def note(text: str) -> str:
    return text[text.index("## Subjective") : text.index("## Transcript")]


def drawn(events):
    return draw(events, "SESSION", Declared("dual", "en", None, STARTED), STARTED, ("drtranscribe", "1"))


def test_a_record_holds_the_findings_as_they_stand_after_updates_and_retractions():
    kept, changed, gone, *_ = findings()
    timings = Timings()
    later = [
        Operation("update", replace(changed, status="present", source="clinician")),
        Operation("retract", gone),
    ]
    events = log([*updates([kept, changed, gone]), ExtractionUpdate(2, tuple(later), timings)])
    assert drawn(events).findings == (kept, replace(changed, status="present", source="clinician"))


def test_a_record_holds_finals_in_the_order_in_which_they_were_said_and_no_partials_and_no_empty_ones():
    first, second, third = segments()[:3]
    said_twice = [
        TranscriptUpdate(replace(second, text="I have had", final=False), Timings()),
        TranscriptUpdate(second, Timings()),
        TranscriptUpdate(first, Timings()),  # of two channels the later speaker may be done first
        TranscriptUpdate(replace(third, text=""), Timings()),
        TranscriptUpdate(replace(third, id="s9", final=False), Timings()),
    ]
    assert drawn(log(said_twice)).segments == (first, second)


def test_a_record_of_an_open_session_says_so_and_counts_what_is_transcribed():
    open_, ended = record(ended=False), record()
    assert (open_.state, open_.audio_s) == ("open", 65.0)
    assert (ended.state, ended.audio_s) == ("ended", 70.5)
    assert "still open" in render(open_, "markdown").decode()
    assert "still open" not in render(ended, "markdown").decode()


def test_a_record_is_made_of_a_log_that_forgot_its_progress_and_partials():
    events = [text for text in log(updates(findings())) if b'"progress"' not in text]
    assert drawn(events).findings == record().findings


def test_the_record_as_json_is_the_wires_findings_and_segments_and_what_was_declared():
    fields = json.loads(render(record(), "json"))
    assert fields["findings"] == json.loads(json.dumps([finding_fields(finding) for finding in findings()]))
    assert [segment["text"] for segment in fields["segments"]] == [segment.text for segment in segments()]
    assert all("words" not in segment for segment in fields["segments"])
    del fields["findings"], fields["segments"]
    assert fields == {
        "format": "drtranscribe.record.v1",
        "session_id": "SESSION",
        "state": "ended",
        "seq": 18,
        "started_at": "2026-03-04T09:30:00+00:00",
        "drawn_at": "2026-03-04T10:30:00+00:00",
        "appointment_id": None,
        "clinician_id": None,
        "mode": "dual",
        "language": "en",
        "audio_s": 70.5,
        "models": {"asr": "base", "extraction": "rules"},
        "consent": None,
        "retracted": [],
        "omissions": [],
        "software": {"name": "drtranscribe", "version": "1.2.3"},
        "patient": {"name": PATIENT.name, "age": 54, "gender": "female", "history": PATIENT.history},
    }


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_tells_the_token_that_resumes_the_session(name):
    assert b"SECRET" not in render(record(), name)


def test_every_finding_stands_once_in_the_note_and_nothing_else_does():
    lines = [line for section in soap(record()) for part in section.parts for line in part.lines]
    assert sorted(line.finding.id for line in lines) == sorted(finding.id for finding in findings())
    shown = [found.groups() for line in note(markdown()).splitlines() if (found := LINE.fullmatch(line))]
    assert len(shown) == len(findings())
    listed = {f"{line.text} ({line.suggested})" if line.suggested else line.text for line in lines}
    assert {re.sub(r"\\(.)", r"\1", text) for text, _ in shown} == listed


def test_every_line_of_the_note_that_is_no_title_ends_with_the_time_at_which_it_was_said():
    lines = [line for line in note(markdown()).splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if not LINE.fullmatch(line)] == []


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("Chief complaint", "chest pain (onset since yesterday evening; severity seven out of ten) [00:05 patient]"),
        ("Symptoms", "denies shortness of breath [00:10 clinician; 00:15 patient]"),
        ("Symptoms", "possible fever [00:08 patient]"),
        ("Symptoms", "vomiting (onset last week; past) [00:15 patient]"),
        ("Past history", "high blood pressure [00:20 patient; reviewed]"),
        ("Medication taken", "lisinopril 10 mg once a day (heard as “lies in April”) [00:22 patient]"),
        ("Medication taken", "denies taking blood thinners [00:26 patient]"),
        ("Allergies", "denies allergy to latex [00:31 patient]"),
        ("Family history", "mother: heart attack [00:35 patient]"),
        ("Family history", "family: denies stroke [00:36 patient]"),
        ("Family history", "brother: cough [00:39 patient]"),
        ("Vital signs", "blood pressure 150/95 mmHg [00:45 clinician]"),
        ("Diagnoses", "no pneumonia [00:51 clinician]"),
        ("Diagnoses", "possible angina (suggested: ICD-10-CM I20.9) [00:50 clinician]"),
        ("Medication ordered", "aspirin 75 mg once a day (reason chest pain) [00:55 clinician]"),
        ("Medication ordered", "no ibuprofen [00:58 clinician]"),
        ("Laboratory", "troponin [01:00 clinician]"),
        ("Imaging", "possible chest X-ray [01:02 clinician]"),
        ("Referral", "cardiology [01:05 clinician]"),
        ("Follow-up", "review (duration in two weeks) [01:06 clinician]"),
        ("Other orders", "ECG [01:01 clinician]"),
        ("Advice", "rest [01:09 clinician]"),
    ],
)
def test_a_finding_stands_in_its_part_as_a_clinician_writes_it(title, line):
    parts = note(markdown()).split("### ")
    (part,) = [part for part in parts if part.startswith(f"{title}\n")]
    assert f"- {line}" in part.splitlines()


def test_the_note_says_what_an_order_is_for():
    (troponin,) = [finding for finding in findings() if finding.text == "troponin"]
    explained = replace(troponin, attributes={**troponin.attributes, "reason": "rule out a heart attack"})
    assert "- troponin (reason rule out a heart attack) [01:00 clinician]" in markdown(found=[explained]).splitlines()


def test_the_note_has_its_four_sections_even_where_nothing_was_found():
    text = markdown(found=[])
    assert re.findall(r"^## (.+)$", text, re.M) == [*(title for title, *_ in LAYOUT), "Transcript"]
    assert text.count("Nothing was found.") == 4


def test_what_a_relative_has_never_stands_among_what_the_patient_has():
    (cough,) = [finding for finding in findings() if finding.text == "cough"]
    for kind in ("medication", "allergy", "diagnosis", "vital", "order", "advice", "social_history"):
        (section,) = [s for s in soap(record(found=[replace(cough, kind=kind)])) if s.parts]
        assert [part.title for part in section.parts] == ["Family history"]


def test_where_one_channel_has_all_speakers_the_times_stand_alone():
    turn = replace(segments()[1], speaker="unknown")
    proof = replace(findings()[0].evidence[0], speaker="unknown")
    text = markdown(found=[replace(findings()[0], evidence=(proof,))], turns=[turn], mode="ambient")
    assert "[00:05]\n" in text
    assert f"- [00:05] {turn.text}" in text
    assert "unknown" not in text
    assert "speakers not told apart" in text


def test_what_was_said_many_times_shows_its_first_three_times_in_order():
    pain = findings()[0]
    proofs = [replace(pain.evidence[0], from_s=s) for s in (3725.0, 61.0, 61.4, 12.0, 3.0)]
    assert said(replace(pain, evidence=tuple(proofs))) == "[00:03, 00:12, 01:01 patient; 1 more]"
    assert clock(3725.9) == "1:02:05"
    assert [clock(s, tenths=True) for s in (0, 9.96, 59.97, 3725.1)] == ["00:00.0", "00:09.9", "00:59.9", "1:02:05.1"]


@pytest.mark.parametrize(
    ("text", "attributes", "shown"),
    [
        ("lisinopril 10 mg", {"dose": "10 mg", "frequency": "daily"}, "lisinopril 10 mg daily"),
        ("no known allergies", {}, "no known allergies"),
    ],
)
def test_nothing_is_said_twice(text, attributes, shown):
    kind, status = ("allergy", "absent") if "allerg" in text else ("medication", "present")
    assert phrase(replace(findings()[0], kind=kind, status=status, text=text, attributes=attributes)) == shown


def test_words_that_look_like_markup_stay_words():
    wild = "1. <script>alert(1)</script> **bold** [a](http://x) # `code` | &lt;\nnext \x00\ud800line"
    pain: Finding = replace(findings()[0], text=wild, attributes={})
    turn: Segment = replace(segments()[1], text=wild.replace("\ud800", ""))
    rec = replace(record(found=[], patient=Patient(name=wild)), findings=(pain,), segments=(turn,))
    text = render(rec, "markdown").decode()
    (line,) = LINE.findall(note(text))
    assert re.sub(r"\\(.)", r"\1", line[0]) == plain(wild)
    for mark in ("<script", "**bold**", "[a](", "`code`", "&lt;"):
        assert not re.search(rf"(?<!\\){re.escape(mark)}", text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.json", "json"),
        ("A.FHIR.JSON", "fhir"),
        ("b.md", "markdown"),
        ("c.pdf", "pdf"),
        ("d.txt", "text"),
        ("json", None),
    ],
)
def test_a_files_ending_tells_its_format(name, expected):
    assert format_of(name) == expected


def test_a_format_whose_library_is_missing_names_the_extra_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match=r"pip install \"drtranscribe\[clinical\]\""):
        render(record(), "pdf")
    assert render(record(), "markdown")


def taken_back():
    """An order, and the operation that takes it back with the words of a later turn."""
    order = next(finding for finding in findings() if finding.evidence[0].quote.startswith("prescribe aspirin"))
    order = replace(order, text="statin", attributes={}, codes=())
    return order, replace(order, evidence=(*order.evidence, evidence(segments()[13], "Come back in two weeks")))


def test_a_record_keeps_what_was_said_and_then_taken_back_apart_with_both_quotes():
    order, gone = taken_back()
    operations = (Operation("retract", gone),)
    drawn_record = drawn(log([*updates([order]), ExtractionUpdate(2, operations, Timings())]))
    assert drawn_record.findings == ()
    assert drawn_record.retracted == (gone,)
    fields = json.loads(render(drawn_record, "json"))
    assert (fields["findings"], fields["retracted"]) == ([], [json.loads(json.dumps(finding_fields(gone)))])
    text = render(drawn_record, "markdown").decode()
    assert "statin" not in text[text.index("## Subjective") : text.index("## Said and taken back")]
    line = text[text.index("## Said and taken back") :].splitlines()[2]
    assert re.search("no longer so: statin.*aspirin 75 milligrams.*“Come back in two weeks”", line)


def test_a_record_leaves_out_what_the_clinician_dismissed_and_what_was_said_once_more():
    order, gone = taken_back()
    dismissed = log([*updates([order]), ExtractionUpdate(2, (Operation("retract", order),), Timings())])
    assert drawn(dismissed).retracted == ()
    again = replace(order, id="f99")
    operations = (Operation("retract", gone), Operation("add", again))
    said_again = drawn(log([*updates([order]), ExtractionUpdate(2, operations, Timings())]))
    assert (said_again.findings, said_again.retracted) == ((again,), ())


def test_a_record_without_anything_taken_back_has_no_section_for_it():
    assert "Said and taken back" not in markdown()


def test_a_record_names_the_appointment_and_the_clinician_that_the_client_gave():
    events = log(updates(findings()))
    told = json.loads(events[0]) | {"appointment_id": "A-17 <b>", "clinician_id": "D-4 <b>"}
    booked = drawn([json.dumps(told).encode(), *events[1:]])
    assert json.loads(render(booked, "json"))["appointment_id"] == "A-17 <b>"
    assert json.loads(render(booked, "json"))["clinician_id"] == "D-4 <b>"
    assert "Appointment: A-17 \\<b\\>" in render(booked, "markdown").decode()
    assert "Clinician: D-4 \\<b\\>" in render(booked, "markdown").decode()
    bundle = json.loads(render(booked, "fhir"))
    composition = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Composition")
    assert composition["encounter"]["identifier"] == {"value": "A-17 <b>"}
    unbooked = drawn(events)
    assert json.loads(render(unbooked, "json"))["appointment_id"] is None
    assert json.loads(render(unbooked, "json"))["clinician_id"] is None
    assert "Appointment" not in render(unbooked, "markdown").decode()
    assert "Clinician:" not in render(unbooked, "markdown").decode()


def judged(what: str, finding: Finding, seq: int, by: str | None = "dr-x") -> bytes:
    ops = [{"op": "update", "finding": finding_fields(finding), "judgement": {"what": what, "by": by, "at": "now"}}]
    return event("extraction", seq, revision=seq, ops=ops, timings={}, judged=True)


def test_a_record_tells_an_edited_finding_from_what_was_heard_in_every_format_that_people_read():
    heard, *_ = findings()
    edited = replace(heard, text="chest tightness", attributes={"severity": "3"}, source="clinician")
    again = replace(edited, status="possible")
    events = [
        *log(updates(findings()), ended=False),
        judged("edited", edited, 50),
        judged("edited", again, 51),
        judged("confirmed", again, 52, None),
    ]
    made = drawn(events)
    assert made.originals == {heard.id: heard}  # before the first edit, whatever followed
    told = json.loads(render(made, "json"))["findings"]
    assert told[0]["original"] == json.loads(json.dumps(finding_fields(heard)))
    assert told[0]["judgement"] == {"what": "confirmed", "by": None, "at": "now"}
    assert "original" not in told[1]
    line = next(line for line in render(made, "markdown").decode().splitlines() if "tightness" in line)
    before = "chest pain (onset since yesterday evening; severity seven out of ten)"
    assert line == f"- possible chest tightness (severity 3) [00:05 patient; reviewed], edited, heard as “{before}”"


def test_a_finding_that_was_edited_back_to_what_was_heard_is_no_edited_one():
    heard, *_ = findings()
    restored = replace(heard, source="clinician")
    events = [
        *log(updates(findings()), ended=False),
        judged("edited", replace(heard, text="other"), 50),
        judged("edited", restored, 51),
    ]
    assert drawn(events).originals == {}
    line = next(line for line in render(drawn(events), "markdown").decode().splitlines() if "chest pain" in line)
    assert line.endswith("reviewed], edited by dr-x")
