"""Whatever is proposed, in whatever order: each finding on the screen stands letter for letter in a final segment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.extraction import ExtractionRequest
from inference.extraction.evidence.merging import Findings
from inference.extraction.evidence.proof import MAX_EVIDENCE
from inference.extraction.rules.engine import RulesExtractor
from inference.findings import Finding, Operation, Proposal, Quote
from inference.transcript import Segment, Word
from tests.support import consultation
from tests.support.consultation import merged, proved

SAID = (
    "cough fever chest pain no yes not never can't I've don’t any the a my mother of since Monday worse , . ? ten 10 mg 10mg "
    "milligrams 2.5 38.5 1,000 120/80 twice daily twenty-five half take taking lisinopril Ibuprofen aspirin lies in April "
    "allergic blood test next week naïve Straße İstanbul cafe\u0301 ﬁne ½ ١٠ 咳嗽 ... —"
)
SPOKEN = tuple(SAID.split(" "))
FACTS = ("cough", "coughs", "fever", "chest pain", "pain", "lisinopril")
IDS = st.sampled_from(["f1", "f1", "f2", "f3", "f9"])
LINKS = st.sampled_from([" ", ", ", "  ", " - ", "\n", ". "])


@st.composite
def segments(draw: st.DrawFn) -> list[Segment]:
    """A transcript: finals with word times, without, or with words that are not in the text, and a partial here and there."""
    made = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        said = draw(st.lists(st.sampled_from(SPOKEN), min_size=1, max_size=9))
        text = "".join(word + draw(LINKS) for word in said).strip()
        start = draw(st.floats(0, 100))
        times = sorted(draw(st.lists(st.floats(start, start + 9), min_size=2 * len(said), max_size=2 * len(said))))
        words = tuple(
            Word(word, begin, end, 1.0) for word, begin, end in zip(said, times[::2], times[1::2], strict=True)
        )
        words = draw(st.sampled_from([words, (), (Word("elsewhere", start, start, 1.0), *words)]))
        speaker = draw(st.sampled_from(["clinician", "patient", "unknown"]))
        made.append(
            Segment(
                f"s{number}", speaker, start, start + 9, text, draw(st.sampled_from([True, True, True, False])), words
            )
        )
    return made


CHANGES: tuple[Callable[[str], str], ...] = (
    str.upper,
    str.lower,
    str.title,
    str.casefold,
    lambda text: text.strip(".,—") + "!",
    lambda text: " - ".join(text.split()),
    lambda text: text[1:],
    lambda text: text[:-1],
)


@st.composite
def quotes(draw: st.DrawFn, transcript: Sequence[Segment]) -> Quote:
    """Words of a segment as it has them; or cased, punctuated or cut otherwise, said to stand elsewhere, from nowhere."""
    segment = draw(st.sampled_from(list(transcript)))
    said = segment.text.split()
    first = draw(st.integers(0, max(len(said) - 1, 0)))
    text = " ".join(said[first : first + draw(st.integers(1, 4))])
    how = draw(st.sampled_from(["as said", "as said", "changed", "elsewhere", "nowhere"]))
    if how == "changed":
        text = draw(st.sampled_from(CHANGES))(text)
    elif how == "nowhere":
        text = " ".join(draw(st.lists(st.sampled_from(SPOKEN), max_size=3)))
    return Quote(draw(st.sampled_from(["s1", "s2", "s99", ""])) if how == "elsewhere" else segment.id, text)


@st.composite
def proposals(draw: st.DrawFn, transcript: Sequence[Segment]) -> Proposal:
    op = draw(st.sampled_from(["add", "add", "add", "update", "retract"]))
    return Proposal(
        kind=draw(st.sampled_from(["symptom", "symptom", "chief_complaint", "medication", "order"])),
        text=draw(st.sampled_from(FACTS)),
        quotes=tuple(draw(st.lists(quotes(transcript), min_size=draw(st.integers(0, 1)), max_size=3))),
        source=draw(st.sampled_from(["rules", "model"])),
        status=draw(st.sampled_from(["present", "absent", "possible"])),
        temporality=draw(st.sampled_from(["current", "past", "planned"])),
        experiencer=draw(st.sampled_from(["patient", "patient", "family"])),
        attributes=draw(
            st.dictionaries(
                st.sampled_from(["dose", "frequency", "onset", "heard"]),
                st.sampled_from(["10 mg", "ten milligrams", "twice daily", "since Monday", "25 mg"]),
                max_size=2,
            )
        ),
        op=op,
        finding_id=None if op == "add" else draw(IDS),
    )


EDITS = st.dictionaries(
    st.sampled_from(["text", "status", "kind"]), st.sampled_from(["cold", "fever", "absent", "symptom"]), max_size=2
)
"""Of the clinician: nothing here checks that a status is one. An empty edit confirms."""


@st.composite
def steps(draw: st.DrawFn, transcript: Sequence[Segment]) -> tuple[str, object]:
    """One thing that happens: proposals about the segments so far, or a word of the clinician about a finding."""
    kind = draw(st.sampled_from(["apply", "apply", "apply", "edit", "confirm", "dismiss"]))
    if kind == "apply":
        heard = draw(st.integers(1, len(transcript)) | st.just(len(transcript)))
        return kind, (heard, draw(st.lists(proposals(transcript), min_size=1, max_size=5)))
    return kind, (draw(IDS), draw(EDITS))


@st.composite
def consultations(draw: st.DrawFn) -> tuple[list[Segment], list[tuple[str, object]]]:
    transcript = draw(segments())
    return transcript, draw(st.lists(steps(transcript), min_size=2, max_size=8))


@dataclass
class Screen:
    """What a client shows: the log of operations, replayed."""

    shown: dict[str, Finding] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    log: list[Operation] = field(default_factory=list)

    def take(self, operation: Operation) -> None:
        finding = operation.finding
        if operation.op == "add":
            assert finding.id not in self.given, "an id is given once"
            self.given.add(finding.id)
            self.shown[finding.id] = finding
        else:
            assert finding.id in self.shown, "only what is shown is updated or retracted"
            if operation.op == "update":
                self.shown[finding.id] = finding
            else:
                del self.shown[finding.id]
        self.log.append(operation)


def happen(findings: Findings, transcript: Sequence[Segment], step: tuple[str, object]) -> list[Operation]:
    kind, details = step
    if kind == "apply":
        heard, proposed = details  # type: ignore[misc]
        return merged(findings, proposed, transcript[:heard])
    finding_id, fields = details  # type: ignore[misc]
    try:
        if kind == "edit":
            return [findings.edit(finding_id, fields)]
        return [findings.confirm(finding_id) if kind == "confirm" else findings.dismiss(finding_id)]
    except KeyError:  # of a finding that there is not: nothing happens
        return []


def check_proven(finding: Finding, finals: Mapping[str, Segment]) -> None:
    assert 1 <= len(finding.evidence) <= MAX_EVIDENCE
    for evidence in finding.evidence:
        segment = finals[evidence.segment]
        assert segment.final
        assert 0 <= evidence.start < evidence.end <= len(segment.text)
        assert segment.text[evidence.start : evidence.end] == evidence.quote
        assert evidence.quote == evidence.quote.strip() != ""
        assert segment.start <= evidence.from_s <= evidence.to_s <= segment.end
        assert evidence.speaker == segment.speaker


ALWAYS = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])


@ALWAYS
@given(consultations())
def test_every_piece_of_evidence_of_every_finding_stands_in_a_final(
    happened: tuple[list[Segment], list[tuple[str, object]]],
) -> None:
    transcript, happenings = happened
    finals = {segment.id: segment for segment in transcript if segment.final}
    findings = Findings()
    for step in happenings:
        for operation in happen(findings, transcript, step):
            check_proven(operation.finding, finals)
        for finding in findings.all():
            check_proven(finding, finals)


@ALWAYS
@given(consultations())
def test_the_log_replayed_is_the_state_and_no_id_is_given_twice(
    happened: tuple[list[Segment], list[tuple[str, object]]],
) -> None:
    transcript, happenings = happened
    findings, screen = Findings(), Screen()
    for step in happenings:
        for operation in happen(findings, transcript, step):
            screen.take(operation)
        assert list(screen.shown.values()) == findings.all()


@ALWAYS
@given(consultations())
def test_what_the_clinician_decided_no_proposal_changes(
    happened: tuple[list[Segment], list[tuple[str, object]]],
) -> None:
    transcript, happenings = happened
    findings, dismissed = Findings(), set[str]()
    for step in happenings:
        decided = [finding for finding in findings.all() if finding.source == "clinician"]
        operations = happen(findings, transcript, step)
        if step[0] == "apply":
            assert [finding for finding in findings.all() if finding.source == "clinician"] == decided
            touched = {operation.finding.id for operation in operations}
            assert not touched & ({finding.id for finding in decided} | dismissed)
        elif step[0] == "dismiss":
            dismissed |= {operation.finding.id for operation in operations}


@settings(ALWAYS, max_examples=50)
@given(consultations())
def test_the_same_happenings_give_the_same_log(happened: tuple[list[Segment], list[tuple[str, object]]]) -> None:
    transcript, happenings = happened
    logs = []
    for _ in range(2):
        findings = Findings()
        logs.append([operation for step in happenings for operation in happen(findings, transcript, step)])
    assert logs[0] == logs[1]


@settings(ALWAYS, max_examples=50)
@given(segments(), st.integers(0, 5))
def test_the_rules_prove_all_that_they_propose_whatever_is_said(transcript: list[Segment], first_new: int) -> None:
    finals = [segment for segment in transcript if segment.final]
    by_id = {segment.id: segment for segment in finals}
    findings = Findings()
    for upto in range(min(first_new, len(finals)) + 1, len(finals) + 1):
        proposed = RulesExtractor().propose(ExtractionRequest(finals[:upto], upto - 1, findings.all()))
        assert len(proved(proposed, finals)) == len(proposed)
        for operation in merged(findings, proposed, finals):
            check_proven(operation.finding, by_id)


PHRASES = (
    "I have a cough",
    "a bad headache",
    "severe, throbbing pain in my left knee",
    "and",
    "but",
    "no fever",
    "maybe a bit of fever",
    "for three weeks",
    "since Monday",
    "since I woke up this morning",
    "about two days ago",
    "it comes and goes",
    "seven out of ten",
    "the cough has gone",
    "I take lisinopril",
    "ten milligrams",
    "twice a day",
    "from 20 mg to 40 mg",
    "I stopped the lisinopril",
    "your blood pressure is 170 over 90",
    "how long have you had the headache?",
    "any cough or fever in the last week?",
    "yes",
    "no",
    "sorry, yes, since Tuesday, for two hours each day as far as I can remember",
)


@st.composite
def consultations_in_phrases(draw: st.DrawFn) -> list[str]:
    turns = st.tuples(st.sampled_from("DPA"), st.lists(st.sampled_from(PHRASES), min_size=1, max_size=6))
    links = st.sampled_from([" ", ", ", ". "])
    said = draw(st.lists(turns, min_size=1, max_size=5))
    return [f"{speaker}: " + "".join(phrase + draw(links) for phrase in phrases) for speaker, phrases in said]


@settings(ALWAYS, max_examples=150)
@given(consultations_in_phrases())
def test_each_attribute_of_the_rules_stands_in_the_words_that_prove_the_finding(lines: list[str]) -> None:
    for finding in consultation.findings(*lines):  # which checks it for each
        assert finding.evidence


@ALWAYS
@given(st.data())
def test_a_fact_that_no_final_proves_changes_nothing(data: st.DataObject) -> None:
    transcript = data.draw(segments())
    findings = Findings()
    merged(findings, data.draw(st.lists(proposals(transcript), max_size=4)), transcript)
    before = findings.all()
    invented = Quote("s1", "a word that nobody said")
    proposed = data.draw(proposals(transcript).filter(lambda proposal: proposal.op != "retract"))
    unproven = Proposal(
        kind=proposed.kind,
        text=proposed.text,
        quotes=(invented,) * len(proposed.quotes),
        source=proposed.source,
        op=proposed.op,
        finding_id=proposed.finding_id,
    )
    assert merged(findings, [unproven], transcript) == []
    assert findings.all() == before
