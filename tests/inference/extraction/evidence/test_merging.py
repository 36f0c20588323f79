"""Proposals become findings: one fact once, with all its evidence."""

from collections.abc import Mapping

import pytest

from inference.extraction.evidence.merging import Findings
from inference.extraction.evidence.proof import MAX_EVIDENCE
from inference.findings import Experiencer, Kind, Op, Operation, Proposal, Quote, Source, Status, Temporality
from inference.transcript import Segment
from tests.support.consultation import merged

SEGMENTS: Mapping[str, Segment] = {
    id: Segment(id=id, speaker="patient", start=float(at), end=at + 1.0, text=text, final=True)
    for at, (id, text) in enumerate(
        {
            "s1": "I've had a dry cough and no fever.",
            "s2": "The cough is worse, and a bit of fever since last night.",
            "s3": "I take lisinopril, ten milligrams, twice a day, and ibuprofen as needed.",
            "s4": "I take lies in April for my blood pressure.",
        }.items()
    )
}


def proposal(
    text: str,
    *quotes: tuple[str, str],
    kind: Kind = "symptom",
    source: Source = "rules",
    status: Status = "present",
    temporality: Temporality = "current",
    experiencer: Experiencer = "patient",
    attributes: Mapping[str, str] | None = None,
    op: Op = "add",
    finding_id: str | None = None,
) -> Proposal:
    return Proposal(
        kind=kind,
        text=text,
        quotes=tuple(Quote(*quote) for quote in quotes),
        source=source,
        status=status,
        temporality=temporality,
        experiencer=experiencer,
        attributes=attributes or {},
        op=op,
        finding_id=finding_id,
    )


def apply(findings: Findings, *proposals: Proposal) -> list[Operation]:
    return merged(findings, proposals, SEGMENTS.values())


def one(operations: list[Operation]) -> Operation:
    assert len(operations) == 1
    return operations[0]


def test_a_new_fact_is_added_under_the_next_id() -> None:
    findings = Findings()
    operations = apply(
        findings,
        proposal("cough", ("s1", "dry cough")),
        proposal("fever", ("s1", "no fever"), status="absent"),
    )
    assert [(o.op, o.finding.id, o.finding.text) for o in operations] == [
        ("add", "f1", "cough"),
        ("add", "f2", "fever"),
    ]
    assert [finding.id for finding in findings.all()] == ["f1", "f2"]


def test_what_no_quote_proves_is_dropped() -> None:
    findings = Findings()
    assert apply(findings, proposal("chest pain", ("s1", "chest pain")), proposal("nausea")) == []
    assert findings.all() == []


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\t\n", "\u00a0\ufeff", "..."])
def test_a_finding_without_a_word_is_dropped(text: str) -> None:
    findings = Findings()
    assert apply(findings, proposal(text, ("s1", "dry cough"), source="model")) == []
    assert findings.all() == []


def test_the_same_fact_twice_is_one_finding_with_more_evidence() -> None:
    findings = Findings()
    apply(findings, proposal("cough", ("s1", "dry cough"), kind="chief_complaint"))
    update = one(apply(findings, proposal("Coughs", ("s2", "The cough is worse"))))
    assert (update.op, update.finding.id, update.finding.kind) == ("update", "f1", "chief_complaint")
    assert [e.quote for e in update.finding.evidence] == ["dry cough", "The cough is worse"]


def test_a_repetition_changes_nothing() -> None:
    findings = Findings()
    apply(findings, proposal("cough", ("s1", "a dry cough")))
    assert apply(findings, proposal("cough", ("s1", "a dry cough"), ("s1", "cough"))) == []


def test_a_change_of_status_is_an_update() -> None:
    findings = Findings()
    apply(findings, proposal("fever", ("s1", "no fever"), status="absent"))
    update = one(
        apply(
            findings, proposal("fever", ("s2", "a bit of fever since last night"), attributes={"onset": "last night"})
        )
    )
    assert (update.op, update.finding.id, update.finding.status) == ("update", "f1", "present")
    assert update.finding.attributes == {"onset": "last night"}
    assert [e.quote for e in update.finding.evidence] == ["a bit of fever since last night"], "no fever proves no fever"


def test_a_guess_of_the_rules_does_not_unsettle_a_fact() -> None:
    findings = Findings()
    apply(findings, proposal("cough", ("s1", "dry cough")))
    update = one(apply(findings, proposal("cough", ("s2", "The cough"), status="possible")))
    assert update.finding.status == "present"


def test_what_was_and_what_is_stand_side_by_side() -> None:
    findings = Findings()
    apply(findings, proposal("fever", ("s2", "a bit of fever"), temporality="past"))
    assert one(apply(findings, proposal("fever", ("s1", "no fever"), status="absent"))).op == "add"


def test_the_patients_fact_is_not_the_familys() -> None:
    findings = Findings()
    apply(findings, proposal("cough", ("s1", "dry cough")))
    assert one(apply(findings, proposal("cough", ("s2", "The cough"), experiencer="family"))).finding.id == "f2"


@pytest.mark.parametrize("text", ["dry cough", "cough"])
def test_the_model_replaces_the_draft_that_it_matches(text: str) -> None:
    findings = Findings()
    apply(findings, proposal("cough", ("s1", "cough")))
    update = one(apply(findings, proposal(text, ("s1", "a dry cough"), source="model", kind="chief_complaint")))
    assert (update.op, update.finding.id, update.finding.text) == ("update", "f1", text)
    assert (update.finding.source, update.finding.kind) == ("model", "chief_complaint")


def test_a_vague_proposal_of_the_model_does_not_swallow_one_of_two_drafts() -> None:
    findings = Findings()
    apply(findings, proposal("dry cough", ("s1", "dry cough")), proposal("worse cough", ("s2", "cough is worse")))
    assert one(apply(findings, proposal("cough", ("s2", "The cough"), source="model"))).op == "add"


def test_the_rules_do_not_repeat_what_the_model_said_in_other_words() -> None:
    findings = Findings()
    apply(findings, proposal("dry cough", ("s1", "a dry cough"), source="model"))
    assert apply(findings, proposal("cough", ("s2", "The cough"))) == []


def test_the_model_may_update_and_retract_by_id() -> None:
    findings = Findings()
    apply(findings, proposal("cough", ("s1", "cough")))
    update = one(
        apply(
            findings,
            proposal("cold", ("s1", "dry cough"), source="model", kind="diagnosis", op="update", finding_id="f1"),
        )
    )
    assert (update.op, update.finding.id, update.finding.kind, update.finding.text) == (
        "update",
        "f1",
        "diagnosis",
        "cold",
    )
    retract = one(
        apply(findings, proposal("cold", ("s2", "cough is worse"), op="retract", finding_id="f1", source="model"))
    )
    assert (retract.op, retract.finding.id, findings.all()) == ("retract", "f1", [])
    assert retract.finding.evidence[-1].quote == "cough is worse"


def test_an_unknown_id_is_ignored_in_a_retraction_and_an_addition_in_an_update() -> None:
    findings = Findings()
    assert apply(findings, proposal("cough", ("s1", "cough"), op="retract", finding_id="f9")) == []
    assert one(apply(findings, proposal("cough", ("s1", "cough"), op="update", finding_id="f9"))).finding.id == "f1"


def test_an_id_is_never_given_twice() -> None:
    findings = Findings()
    apply(findings, proposal("cough", ("s1", "cough")), proposal("cough", ("s1", "no"), op="retract", finding_id="f1"))
    assert one(apply(findings, proposal("fever", ("s2", "fever")))).finding.id == "f2"


def test_a_dose_of_the_model_must_be_quoted() -> None:
    findings = Findings()
    said = proposal(
        "lisinopril",
        ("s3", "lisinopril, ten milligrams, twice a day"),
        kind="medication",
        source="model",
        attributes={"dose": "10 mg", "frequency": "2 times daily", "route": "by mouth"},
    )
    invented = proposal(
        "ibuprofen",
        ("s3", "ibuprofen as needed"),
        kind="medication",
        source="model",
        attributes={"dose": "400 mg", "frequency": "at night", "reason": "pain"},
    )
    quoted, unquoted = apply(findings, said, invented)
    assert quoted.finding.attributes == {"dose": "10 mg", "frequency": "2 times daily", "route": "by mouth"}
    assert unquoted.finding.attributes == {"reason": "pain"}


def test_a_drug_of_the_model_must_be_quoted_or_sound_like_the_quote() -> None:
    findings = Findings()
    misheard = proposal("lisinopril", ("s4", "lies in April"), kind="medication", source="model")
    invented = proposal("amlodipine", ("s4", "for my blood pressure"), kind="medication", source="model")
    assert [o.finding.text for o in apply(findings, misheard, invented)] == ["lisinopril"]


def test_the_clinicians_edit_stands_against_every_later_proposal() -> None:
    findings = Findings()
    apply(findings, proposal("fever", ("s1", "no fever"), status="absent"))
    edited = findings.edit("f1", {"text": "fever above 38", "status": "possible"})
    assert (edited.op, edited.finding.source, edited.finding.status) == ("update", "clinician", "possible")
    assert apply(findings, proposal("fever above 38", ("s2", "fever"), source="model")) == []
    assert apply(findings, proposal("fever", ("s2", "fever"), op="retract", finding_id="f1", source="model")) == []
    assert findings.all() == [edited.finding]


def test_what_the_clinician_reworded_is_not_proposed_again_in_the_old_words() -> None:
    findings = Findings()
    apply(findings, proposal("cough", ("s1", "dry cough")))
    edited = findings.edit("f1", {"text": "bronchial irritation"})
    assert apply(findings, proposal("cough", ("s2", "The cough"), source="model")) == []
    assert findings.all() == [edited.finding]


def test_a_retraction_needs_words_that_prove_it() -> None:
    findings = Findings()
    apply(findings, proposal("cough", ("s1", "dry cough")))
    for quotes in ((), (("s2", "no cough after all"),)):
        assert apply(findings, proposal("cough", *quotes, op="retract", finding_id="f1", source="model")) == []
    assert len(findings.all()) == 1


def test_what_the_clinician_dismissed_does_not_come_back() -> None:
    findings = Findings()
    apply(findings, proposal("cough", ("s1", "dry cough")))
    assert findings.dismiss("f1").op == "retract"
    assert apply(findings, proposal("cough", ("s2", "The cough"), source="model")) == []
    assert findings.all() == []


def test_a_confirmed_finding_is_the_clinicians() -> None:
    findings = Findings()
    apply(findings, proposal("cough", ("s1", "dry cough")))
    assert findings.confirm("f1").finding.source == "clinician"


def test_an_edit_of_an_unknown_finding_or_field_is_refused() -> None:
    findings = Findings()
    apply(findings, proposal("cough", ("s1", "dry cough")))
    with pytest.raises(KeyError):
        findings.edit("f9", {"text": "cold"})
    with pytest.raises(KeyError):
        findings.edit("f1", {"id": "f2"})


def test_the_same_proposals_give_the_same_findings() -> None:
    proposals = [
        proposal("cough", ("s1", "cough")),
        proposal("fever", ("s2", "fever")),
        proposal("cough", ("s2", "cough")),
    ]
    first, second = Findings(), Findings()
    assert apply(first, *proposals) == apply(second, *proposals)
    assert first.all() == second.all()


def test_what_is_said_for_hours_keeps_its_first_words_and_its_newest_and_does_not_grow() -> None:
    segments = {
        f"s{i}": Segment(
            id=f"s{i}", speaker="patient", start=float(i), end=i + 1.0, text="This cough again.", final=True
        )
        for i in range(1, 41)
    }
    findings = Findings()
    for id in segments:
        merged(findings, [proposal("cough", (id, "This cough"))], segments.values())
    (finding,) = findings.all()
    assert [e.segment for e in finding.evidence] == ["s1", *(f"s{i}" for i in range(34, 41))]


def test_a_finding_carries_the_codes_of_its_words_as_suggestions_also_after_an_edit() -> None:
    findings = Findings()
    added = one(apply(findings, proposal("fever", ("s1", "no fever"), status="absent"))).finding
    assert [(c.system, c.code, c.suggestion) for c in added.codes] == [("ICD-10-CM", "R50.9", True)]
    assert [c.code for c in findings.edit("f1", {"text": "cough"}).finding.codes] == ["R05.9"]
    assert findings.edit("f1", {"text": "something else"}).finding.codes == ()


def test_what_proves_an_attribute_stays_however_often_the_fact_is_told_again() -> None:
    said = ["I take ramipril.", "Ten milligrams, every evening.", *["Ramipril again."] * 12]
    segments = {f"s{at}": Segment(f"s{at}", "patient", float(at), at + 1.0, text, True) for at, text in enumerate(said)}
    findings = Findings()
    for at, text in enumerate(said):
        attributes = {"dose": "10 mg", "frequency": "every evening"} if at == 1 else {}
        told = proposal("ramipril", (f"s{at}", text), kind="medication", attributes=attributes)
        merged(findings, [told], segments.values())
    (finding,) = findings.all()
    assert len(finding.evidence) == MAX_EVIDENCE
    assert [e.segment for e in finding.evidence] == ["s0", "s1", *(f"s{at}" for at in range(8, 14))]


def test_what_only_old_words_prove_goes_with_them() -> None:
    findings = Findings()
    said = ("s3", "I take lisinopril, ten milligrams, twice a day")
    taken = {"dose": "10 mg", "frequency": "twice a day", "form": "tablet"}
    apply(findings, proposal("lisinopril", said, kind="medication", attributes=taken))
    stopped = one(apply(findings, proposal("lisinopril", ("s4", "lies in April"), kind="medication", status="absent")))
    assert stopped.finding.attributes == {"form": "tablet"}, "what no words proved is not less proven now"
    assert [e.segment for e in stopped.finding.evidence] == ["s4"]


def test_what_was_overruled_many_times_is_kept_once_for_each_state_and_still_not_proposed_again():
    findings = Findings()
    (added,) = apply(findings, proposal("cough", ("s1", "dry cough")))
    for _ in range(1000):
        findings.confirm(added.finding.id)
        findings.edit(added.finding.id, {"text": "wheeze"})
        findings.edit(added.finding.id, {"text": "cough"})
    assert sum(map(len, findings._overruled.values())) <= 4
    findings.dismiss(added.finding.id)
    assert apply(findings, proposal("Cough", ("s2", "The cough is worse"))) == []
