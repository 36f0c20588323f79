"""The chain of the audit trail, as data."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.audit.chain import GENESIS, MAX_FIELD, Broken, Head, Note, head_of, line_of, verify

NOW = datetime(2026, 11, 27, 16, 0, tzinfo=UTC)


def note(action: str = "record_read", **fields) -> Note:
    return Note(
        **{
            "actor": "ward 3",
            "session": "s1",
            "address": "10.0.0.7",
            "outcome": "ok",
            "time": NOW,
            **fields,
            "action": action,
        }
    )


def trail(count: int) -> list[bytes]:
    lines, head = [], Head()
    for number in range(count):
        line = line_of(note(f"action{number}"), head)
        lines.append(line + b"\n")
        head = head.after(line)
    return lines


def broken(lines: list[bytes]) -> Broken | None:
    return verify([("audit", lines)])[2]


def test_a_line_says_who_did_what_when_where_from_and_in_which_session_and_holds_the_hash_of_the_line_before():
    first, second = trail(2)
    assert json.loads(first) == {
        "seq": 1,
        "time": "2026-11-27T16:00:00.000+00:00",
        "action": "action0",
        "actor": "ward 3",
        "session": "s1",
        "address": "10.0.0.7",
        "outcome": "ok",
        "prev": GENESIS,
    }
    assert json.loads(second)["prev"] == Head().after(first[:-1]).hash


def test_a_whole_trail_holds_and_ends_where_its_last_line_says():
    lines = trail(5)
    begin, head, fault = verify([("audit", lines)])
    assert (begin, head, fault) == (Head(), head_of(lines[-1][:-1]), None)
    assert head.seq == 5


def test_a_trail_in_several_files_holds_and_a_later_file_alone_says_what_it_follows():
    lines = trail(6)
    assert verify([("audit.1", lines[:4]), ("audit", lines[4:])])[1:] == (head_of(lines[5][:-1]), None)
    begin, head, fault = verify([("audit", lines[4:])])
    assert (begin, head.seq, fault) == (head_of(lines[3][:-1]), 6, None)
    assert verify([("audit.1", lines[:3]), ("audit", lines[4:])])[2] == Broken(
        "audit", 1, "it is numbered 5 where 4 follows: lines are missing or out of order"
    )


def changed(lines: list[bytes], at: int, **fields) -> list[bytes]:
    line = json.dumps(json.loads(lines[at]) | fields, separators=(",", ":")).encode() + b"\n"
    return [*lines[:at], line, *lines[at + 1 :]]


@pytest.mark.parametrize("at", [0, 2, 3])
def test_a_changed_line_is_named_by_its_number(at):
    found = broken(changed(trail(5), at, actor="somebody else"))
    assert (found.number, "was changed" in found.fault) == (at + 1, True)


@pytest.mark.parametrize(
    ("made", "number"),
    [
        (lambda lines: [*lines[:2], *lines[3:]], 3),
        (lambda lines: [*lines[:2], lines[3], lines[2], lines[4]], 3),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], 3),
        (lambda lines: [*lines[:2], b"not a line\n", *lines[2:]], 3),
        (lambda lines: [*lines[:4], lines[4][:-1]], 5),
        (lambda lines: [*lines[:4], lines[4][:30]], 5),
        (lambda lines: changed(lines, 0, prev="1" * 64), 1),
        (lambda lines: changed(lines, 4, seq=9), 5),
        (lambda lines: changed(lines, 3, extra="field"), 4),
        (lambda lines: changed(lines, 3, seq="4"), 4),
    ],
    ids=["removed", "swapped", "twice", "foreign", "no newline", "cut", "another start", "number", "field", "type"],
)
def test_the_first_broken_line_is_named(made, number):
    assert broken(made(trail(5))).number == number


names = st.text(alphabet=st.characters(exclude_categories=()), max_size=300)


@given(names, names, st.none() | names)
def test_any_name_fits_into_a_line_and_breaks_no_other(actor, outcome, session):
    head = Head()
    lines = []
    for _ in range(2):
        line = line_of(note(actor=actor, outcome=outcome, session=session), head)
        assert b"\n" not in line
        assert len(line) < 16_384
        lines.append(line + b"\n")
        head = head.after(line)
    assert verify([("audit", lines)]) == (Head(), head, None)
    assert len(json.loads(lines[0])["actor"]) <= MAX_FIELD
