"""The scores of the extraction benchmark, on cases whose scores are known."""

import json
from collections.abc import Mapping
from itertools import combinations, permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.extraction import command as extraction
from benchmarks.extraction.live import delays
from benchmarks.extraction.orders import MedicationTally, Order, OrderTally, mediqa_pairs, order_pairs
from benchmarks.extraction.pairs import best_pairs
from benchmarks.extraction.replay import Log, Metered, replay
from benchmarks.extraction.score import Score, Tally, flips, overlap, valid_quotes
from benchmarks.extraction.transcripts import OwnTranscripts, pcm, reference
from inference.extraction import ExtractionError, ExtractionRequest, UnusableAnswer
from inference.findings import Evidence, Finding, Kind, Op, Operation, Proposal, Quote, Status, Temporality
from inference.timing import Timings
from inference.transcript import Segment
from inference.updates import ExtractionUpdate, TranscriptUpdate
from tests.support.model_server import addition, answers, as_json, completion, serving_model


def finding(
    text: str,
    kind: Kind = "symptom",
    status: Status = "present",
    *,
    id: str = "f1",
    temporality: Temporality = "current",
    evidence: tuple[Evidence, ...] = (),
    **attributes: str,
) -> Finding:
    return Finding(id, kind, text, status, temporality, "patient", attributes, evidence, "rules", 0.5)


def label(text: str, *accept: str, kind: str = "symptom", status: str = "present") -> Mapping[str, object]:
    return {"kind": kind, "text": text, "status": status, "accept": list(accept)}


def said(segment: str, quote: str, start: int = 0, *, to_s: float = 1.0) -> Evidence:
    return Evidence(segment, quote, start, start + len(quote), 0.0, to_s, "patient")


WEIGHTS = st.dictionaries(
    st.tuples(st.integers(0, 3), st.integers(0, 3)), st.integers(1, 8).map(lambda eighths: eighths / 8), max_size=10
)


@given(WEIGHTS)
def test_no_other_assignment_weighs_more(weights: dict[tuple[int, int], float]) -> None:
    chosen = best_pairs(weights)
    assert len({row for row, _ in chosen}) == len({column for _, column in chosen}) == len(chosen)
    every = max(
        sum(weights.get(pair, -1.0) for pair in zip(rows, columns, strict=True))
        for size in range(5)
        for rows in combinations(range(4), size)
        for columns in permutations(range(4), size)
    )
    assert sum(weights[pair] for pair in chosen) == every


def test_the_best_assignment_gives_up_the_best_pair_for_two_that_weigh_more() -> None:
    assert best_pairs({(0, 0): 1.0, (0, 1): 0.75, (1, 0): 0.75}) == [(0, 1), (1, 0)]


def test_precision_recall_and_f1_by_hand() -> None:
    score = Score(matched=2, found=3, labelled=4)
    assert (score.precision, score.recall, score.f1) == (2 / 3, 0.5, 4 / 7)
    assert (Score().precision, Score().recall, Score().f1) == (0.0, 0.0, 0.0)


def test_overlap_is_that_of_the_accepted_wording_that_fits_best() -> None:
    assert overlap("Headaches", ["head pain", "headache"]) == 1.0
    assert overlap("lower back pain", ["back pain"]) == pytest.approx(0.8)
    assert overlap("nausea", ["vomiting"]) == 0.0


def test_findings_match_labels_one_to_one_by_any_accepted_wording() -> None:
    tally = Tally()
    found = [finding("loose stools"), finding("diarrhoea"), finding("rash")]
    assert tally.judge(found, [label("diarrhea", "diarrhoea", "loose stool"), label("fever")]) in ([(0, 0)], [(1, 0)])
    assert tally.every_kind == Score(matched=1, found=3, labelled=2)
    assert tally.exact == {"symptom": Score(matched=1, found=3, labelled=2)}


def test_chief_complaint_and_symptom_are_one_kind_and_others_are_not() -> None:
    tally = Tally()
    labels = [label("cough", kind="chief_complaint"), label("asthma", kind="past_history")]
    assert tally.judge([finding("cough"), finding("asthma", "diagnosis")], labels) == [(0, 0)]
    assert tally.by_kind == {
        "symptom": Score(1, 1, 1),
        "diagnosis": Score(0, 1, 0),
        "past_history": Score(0, 0, 1),
    }


def test_a_pair_of_another_status_counts_for_its_kind_and_not_for_a_status() -> None:
    tally = Tally()
    tally.judge([finding("fever")], [label("fever", status="absent")])
    assert tally.by_kind["symptom"] == Score(1, 1, 1)
    assert tally.by_status["absent"] == Score(0, 0, 1)
    assert tally.by_status["present"] == Score(0, 1, 0)
    assert tally.by_kind_and_status["symptom/absent"] == Score(0, 0, 1)
    assert (tally.status_right(), tally.status_right("absent"), tally.status_right("present")) == (0.0, 0.0, None)


def test_of_two_equal_wordings_the_one_of_equal_status_is_the_pair() -> None:
    tally = Tally()
    tally.judge([finding("fever"), finding("fever", status="absent")], [label("fever", status="absent")])
    assert tally.status_right() == 1.0
    assert tally.as_dict()["negation"]["recall"] == 1.0


def test_a_wording_that_is_only_like_an_accepted_one_is_no_exact_match() -> None:
    tally = Tally()
    tally.judge([finding("lower back pain")], [label("back pain")])
    tally.judge([finding("fever")], [label("fever")])
    assert (tally.every_kind.f1, tally.exact["symptom"].f1) == (1.0, 0.5)
    assert tally.as_dict()["exact_f1"] == {"all": 0.5, "symptom": 0.5}


def test_evidence_is_valid_where_a_final_has_its_very_letters_there() -> None:
    segments = {
        "s1": Segment("s1", "patient", 0.0, 1.0, "No fever.", True),
        "s2": Segment("s2", "patient", 1.0, 2.0, "No fever.", False),
    }
    quotes = (said("s1", "fever", 3), said("s1", "fever", 2), said("s1", "Fever", 3), said("s2", "fever", 3))
    quotes += (said("s3", "fever", 3), said("s1", "", 3))
    assert valid_quotes(finding("fever", evidence=quotes), segments) == 1


def operation(op: Op, status: Status = "present", id: str = "f1", *evidence: Evidence) -> Operation:
    return Operation(op, finding("fever", status=status, id=id, evidence=evidence))


def test_a_change_of_status_and_a_retraction_flip_and_more_evidence_does_not() -> None:
    log = [operation("add"), operation("update"), operation("update", "absent"), operation("add", "absent", "f2")]
    assert flips(log) == 1
    assert flips([*log, operation("retract", "absent", "f2")]) == 2


def test_orders_match_within_their_type_by_a_word_that_says_something() -> None:
    found = [Order("lab", "blood test"), Order("imaging", "chest x-ray"), Order("followup", "see you in two weeks")]
    labelled = [Order("imaging", "blood scan"), Order("imaging", "x-ray"), Order("followup", "come back in a month")]
    assert order_pairs(found, labelled) == [(1, 1)]


def test_an_order_is_described_by_its_text_and_what_tells_it_apart() -> None:
    tally = OrderTally()
    lasix = finding("lasix", "order", order_type="medication", dose="40 mg", frequency="a day")
    labels = [{"order_type": "medication", "description": "Lasix 40 mg a day.", "reason": None}]
    assert tally.judge(
        [lasix, finding("lasix", "medication"), finding("x", "order", order_type="referral")], labels
    ) == [(0, 0)]
    assert tally.every_type == Score(1, 1, 1)
    assert tally.description.f1 == 1.0


def test_the_proof_of_an_order_may_count_as_its_description_apart() -> None:
    tally = OrderTally()
    order = finding("blood test", "order", evidence=(said("s1", "some labs"),), order_type="lab")
    tally.judge([order], [{"order_type": "lab", "description": "labs", "reason": "fatigue"}])
    assert (tally.every_type.f1, tally.quoted.f1) == (0.0, 1.0)


def test_mediqa_pairs_by_the_share_of_the_labels_words_whatever_the_type() -> None:
    found = [Order("lab", "the MRI, of the brain"), Order("lab", "thyroid")]
    labelled = [Order("imaging", "mri brain"), Order("imaging", "the chest")]
    assert mediqa_pairs(found, labelled) == [(0, 0)]
    tally = OrderTally()
    findings = [finding("mri brain", "order", order_type="lab"), finding("thyroid", "order", order_type="lab")]
    labels = [{"order_type": "imaging", "description": "mri brain scan", "reason": "headache"}]
    tally.judge(findings, labels)
    assert (tally.pairs, tally.types) == (Score(1, 2, 1), Score(0, 2, 1))
    # ROUGE-1: precision (1 + 0) / 2 orders found, recall 2/3 of the one labelled.
    assert tally.description.f1 == pytest.approx(2 * 0.5 * (2 / 3) / (0.5 + 2 / 3))
    assert tally.reason.f1 == 0.0


def medicine(name: str, *accept: str, optional: bool = False, status: str = "present") -> Mapping[str, object]:
    return {"name": name, "accept": accept, "status": status, "temporality": "current", "optional": optional}


def test_a_medicine_and_its_order_are_one_and_any_of_them_may_have_the_right_status() -> None:
    tally = MedicationTally()
    found = [
        finding("Lasix", "medication", "absent"),
        finding("lasix", "order", order_type="medication", temporality="planned"),
        finding("mri", "order", order_type="imaging"),
    ]
    assert tally.judge(found, [medicine("furosemide", "lasix"), medicine("aspirin")]) == [("lasix", "furosemide")]
    assert tally.score == Score(matched=1, found=1, labelled=2)
    assert (tally.status_right, tally.temporality_right) == (1, 1)


def test_an_optional_medicine_is_neither_missed_nor_extra() -> None:
    tally = MedicationTally()
    tally.judge([finding("painkiller", "medication")], [medicine("painkiller", optional=True)])
    tally.judge([], [medicine("painkiller", optional=True)])
    assert tally.score == Score()


UTTERANCES = [
    {"start": 4.0, "end": 5.0, "speaker": "patient", "text": "No fever."},
    {"start": 1.0, "end": 2.0, "speaker": "doctor", "text": "Any fever?"},
]


def test_a_reference_is_read_in_the_order_of_speech_and_ambient_hides_who_speaks() -> None:
    assert [(s.id, s.speaker) for s in reference(UTTERANCES, "dual")] == [("s1", "clinician"), ("s2", "patient")]
    assert {s.speaker for s in reference(UTTERANCES, "ambient")} == {"unknown"}


class Echo:
    """Proposes fever from each new segment; fails on the calls that it is told to."""

    name = "echo"

    def __init__(self, *failing: int, error: type[ExtractionError] = UnusableAnswer) -> None:
        self.failing = failing
        self.error = error
        self.seen: list[list[str]] = []

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
        new = consultation.segments[consultation.new_from :]
        self.seen.append([segment.id for segment in new])
        if len(self.seen) in self.failing:
            raise self.error("no")
        return [Proposal("symptom", "fever", (Quote(s.id, "fever"),), "rules", "absent") for s in new]


async def test_a_replay_shows_each_segment_once_and_after_a_failure_again() -> None:
    log, echo = Log(), Echo(1)
    (found,) = await replay(reference(UTTERANCES, "dual"), [echo], log)
    assert echo.seen[0] == ["s1"]
    assert {"s1", "s2"} == {id for ids in echo.seen[1:] for id in ids}
    assert [evidence.segment for evidence in found.evidence] == ["s1", "s2"]
    assert (log.as_dict()["segments"], log.seconds, log.flips) == (2, 5.0, 0)
    assert log.quotes == log.valid_quotes >= 2


async def test_an_unusable_answer_is_counted_apart_from_an_outage() -> None:
    metered = [Metered(Echo(2, error=error)) for error in (UnusableAnswer, ExtractionError)]
    for one in metered:
        await replay(reference(UTTERANCES, "dual"), [one], Log())
    rubbish, outage = (one.as_dict() for one in metered)
    assert rubbish["failures"] == outage["failures"] == {"no": 1}
    assert rubbish["schema_valid"] == round(1 - 1 / rubbish["calls"], 4)
    assert outage["schema_valid"] == 1.0


def test_the_delay_of_a_finding_counts_from_the_end_of_its_newest_words_and_from_their_final() -> None:
    def heard(id: str, when: float) -> tuple[float, TranscriptUpdate]:
        return when, TranscriptUpdate(Segment(id, "patient", 0.0, 3.0, "fever", True), Timings())

    def told(when: float, *operations: Operation) -> tuple[float, ExtractionUpdate]:
        return when, ExtractionUpdate(1, operations, Timings())

    first, second = said("s1", "fever", to_s=2.0), said("s2", "fever", to_s=7.0)
    added, same = operation("add", "present", "f1", first), operation("update", "absent", "f1", first)
    more, gone = operation("update", "absent", "f1", first, second), operation("retract", "absent", "f1", first, second)
    updates = [heard("s1", 4.0), told(4.5, added), told(5.0, same), heard("s2", 9.0), told(9.25, more), told(9.5, gone)]
    assert delays(updates) == ([2.5, 2.25], [0.5, 0.25])


SAMPLE = "tests/data/consultation.flac"


def test_a_recording_is_streamed_as_two_channels_or_as_their_mean(request: pytest.FixtureRequest) -> None:
    sample = request.config.rootpath / SAMPLE
    assert len(pcm(sample, "dual")) == 2 * len(pcm(sample, "ambient")) > 0


async def test_our_own_transcript_is_streamed_once_and_then_read_as_it_was(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    sample = request.config.rootpath / SAMPLE
    async with OwnTranscripts(tmp_path, "tiny.en") as heard:
        first = await heard.segments(sample, "dual")
    assert {segment.speaker for segment in first} == {"clinician", "patient"}
    assert all(segment.words for segment in first)
    async with OwnTranscripts(tmp_path, "tiny.en") as heard:
        assert await heard.segments(tmp_path / "no recording" / sample.name, "dual") == first


def test_the_command_scores_a_corpus_its_orders_and_clips_and_ends_in_a_line_of_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = {"findings": [{"kind": "symptom", "text": "fever", "status": "absent", "accept": []}]}
    turns = [{"speaker": "doctor", "text": "I will order a chest x-ray."}, {"speaker": "patient", "text": "Thank you."}]
    order = {"order_type": "imaging", "description": "chest x-ray", "reason": "cough"}
    named = {"id": "a", "part": "dev", "medications": [medicine("aspirin")]}
    (tmp_path / "a.json").write_text(json.dumps({"utterances": UTTERANCES}))
    (tmp_path / "a.findings.json").write_text(json.dumps(labels))
    (tmp_path / "orders.jsonl").write_text(json.dumps({"id": "a", "turns": turns, "orders": [order]}) + "\n")
    (tmp_path / "medications.jsonl").write_text(json.dumps(named) + "\n")
    wheeze = {"id": "a", "part": "heldout", "findings": [label("wheeze")]}
    (tmp_path / "findings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (wheeze, {**wheeze, "id": "b"})))
    (tmp_path / "index.json").write_text(
        json.dumps([{"file": "b.flac", "seconds": 2.0, "text": "It was a dark night."}])
    )
    named_files = {name: f"{name}.jsonl" for name in ("orders", "medications", "findings")}
    given = {"corpus": "", **named_files, "clips": ""}
    flags = [text for name, path in given.items() for text in (f"--{name}", str(tmp_path / path))]
    monkeypatch.setattr("sys.argv", ["extraction", "--show", *flags, "--output", str(tmp_path / "out.json")])
    extraction.main()
    last = capsys.readouterr().out.splitlines()[-1]
    result = json.loads(last)
    assert json.loads((tmp_path / "out.json").read_text()) == result
    for mode in ("dual", "ambient"):
        assert result["sources"][f"reference_{mode}"]["by_kind_and_status"]["symptom/absent"]["f1"] == 1.0
        assert result["sources"][f"reference_{mode}"]["evidence"]["share"] == 1.0
    assert result["orders"]["by_type"]["imaging"]["f1"] == 1.0
    assert result["medications"]["dev"]["recall"] == 0.0
    for mode in ("dual", "ambient"):
        scored = result["texts"]["heldout"][mode]
        assert (scored["all"]["found"], scored["all"]["labelled"]) == (0, 1), "orders are not labelled there"
    assert (result["clips"]["transcripts"], result["clips"]["findings"]) == (3, 0)


def test_a_model_needs_an_address_and_a_corpus_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for flags in (["--extractor", "vllm"], []):
        monkeypatch.setattr("sys.argv", ["extraction", "--corpus", str(tmp_path), *flags])
        with pytest.raises(SystemExit, match=r"--vllm-url|NAME\.findings\.json"):
            extraction.main()


async def test_a_model_behind_an_openai_compatible_address_is_scored(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"utterances": UTTERANCES}))
    (tmp_path / "a.findings.json").write_text(json.dumps({"findings": [label("fever", status="absent")]}))
    async with serving_model(answers(addition("s2", "fever", status="absent"))) as server:
        flags = ["--corpus", str(tmp_path), "--extractor", "vllm", "--vllm-url", server.url]
        result = await extraction.measure(extraction.parsed(flags))
    assert result["sources"]["reference_dual"]["all"]["f1"] == 1.0
    assert result["sources"]["reference_dual"]["negation"]["f1"] == 1.0
    assert result["extractors"]["vllm"]["schema_valid"] == 1.0
    assert result["extractors"]["vllm"]["calls"] >= 2


async def test_rubbish_of_a_model_finds_nothing_and_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"utterances": UTTERANCES}))
    (tmp_path / "a.findings.json").write_text(json.dumps({"findings": [label("fever", status="absent")]}))
    async with serving_model(lambda _: as_json(completion("no JSON"))) as server:
        flags = ["--corpus", str(tmp_path), "--extractor", "vllm", "--vllm-url", server.url]
        result = await extraction.measure(extraction.parsed(flags))
    assert result["sources"]["reference_dual"]["all"]["found"] == 0
    assert result["extractors"]["vllm"]["schema_valid"] == 0.0
