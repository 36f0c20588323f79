"""The safety sentences: how they are judged, and that every one that the project keeps is right."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.extraction.safety import OWN, own_cases, read_cases, segments, table
from benchmarks.extraction.safety_judge import faults
from inference.extraction.rules.engine import RulesExtractor
from inference.findings import Finding

REPLIES_RIGHT = 226
"""Of 234; the others want more than one sentence to be read at once."""


def finding(text: str, kind: Any = "medication", status: Any = "present", **attributes: str) -> Finding:
    return Finding("f1", kind, text, status, "current", "patient", attributes, (), "rules", 0.5)


def case(want: list[dict[str, Any]], never: list[dict[str, Any]], *said: str) -> dict[str, Any]:
    turns = [{"speaker": "patient", "text": text} for text in said]
    return {"kind_of_case": "test", "say": turns, "want": want, "never": never}


async def test_every_safety_sentence_of_the_project_is_right() -> None:
    scored = await table(own_cases(), [RulesExtractor()])
    assert not scored.failures, "\n" + "\n".join(scored.failures)


async def test_replies_that_the_rules_were_mended_with_stay_right() -> None:
    scored = await table(read_cases(OWN / "replies.jsonl"), [RulesExtractor()])
    assert scored.right.total() >= REPLIES_RIGHT, "\n" + "\n".join(scored.failures)


def test_a_case_is_right_if_all_that_is_wanted_is_found_and_nothing_else_of_its_kind() -> None:
    wanted = case([{"text": "warfarin", "dose": "0.5 mg"}], [{"dose": "5 mg"}])
    assert faults(wanted, [finding("warfarin", dose="0.5 mg")]) == []
    assert len(faults(wanted, [finding("warfarin", dose="5 mg")])) == 2
    assert faults(case([{"text": "asthma", "status": "absent"}], []), [finding("asthma", "past_history")])


@pytest.mark.parametrize(
    ("wanted", "found", "right"),
    [
        ("half a tablet", "0.5 tablets", True),
        ("two 500 mg tablets", "2 × 500 mg tablets", True),
        ("50 micrograms", "50 mcg", True),
        ("25,000 units", "25000 units", True),
        ("0.5 mg", "5 mg", False),
        ("50 micrograms", "50 mg", False),
        ("half of a 10 mg tablet, or 5 mg", "5 mg", True),
        (["5 mg", "five milligrams"], "5 milligrams", True),
    ],
)
def test_an_attribute_is_right_where_it_says_the_same_in_numbers_and_units(
    wanted: Any, found: str, right: bool
) -> None:
    assert (faults(case([{"dose": wanted}], []), [finding("x", dose=found)]) == []) is right


def test_null_asks_for_no_attribute_and_true_for_any() -> None:
    assert faults(case([{"text": "x", "dose": None}], []), [finding("x", dose="5 mg")])
    assert not faults(case([{"text": "x", "dose": None, "check": True}], []), [finding("x", check="dose")])
    assert faults(case([{"text": "x", "check": True}], []), [finding("x")])


def test_both_asks_for_every_number_and_time_of_day_that_was_said() -> None:
    wanted = case([{"dose": "both doses"}], [], "Ten units in the morning and 20 units at night.")
    assert not faults(wanted, [finding("x", dose="10 units in the morning and 20 units at night")])
    assert faults(wanted, [finding("x", dose="10 units in the morning")])


def test_to_stop_a_medicine_is_another_fact_than_to_take_it() -> None:
    assert faults(case([{"text": "aspirin"}], []), [finding("stop aspirin", "order")])
    assert not faults(case([], [{"text": "stop aspirin"}]), [finding("aspirin", "order")])


def test_cases_come_from_a_file_or_from_all_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(json.dumps(case([], [])) + "\n\n")
    assert len(read_cases(tmp_path)) == 2
    assert len(read_cases(tmp_path / "a.jsonl")) == 1
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(SystemExit, match="holds no cases"):
        read_cases(tmp_path / "a.jsonl")


def test_a_list_of_texts_accepts_each_of_them() -> None:
    entry = {"text": ["sweats", "sweating"], "status": "present"}
    assert faults(case([entry], []), [finding("night sweats", "symptom")]) == []
    assert faults(case([entry], []), [finding("fever", "symptom")])


def test_an_ambient_case_hides_who_speaks() -> None:
    said = case([], [], "No.")
    assert [segment.speaker for segment in segments(said)] == ["patient"]
    assert [segment.speaker for segment in segments(said, ambient=True)] == ["unknown"]
