"""The audit trail on a disk: restart, rotation, a full disk, a second writer, and `drtranscribe audit verify`."""

import errno
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.audit.file import AuditError
from server.audit.trail import MOST_KEPT, Audit, AuditTrail, auditing
from server.cli.main import app
from tests.support.fakes import speech
from tests.support.live import serving, until


def noted(trail: AuditTrail, *actions: str, outcome: str = "ok") -> None:
    for action in actions:
        trail.note(action, actor="ward 3", session="s1", address="10.0.0.7", outcome=outcome)


def entries(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def verified(*files: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["audit", "verify", *map(str, files)])
    return result.exit_code, result.output.strip()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "audit.jsonl"


def test_a_line_is_in_the_file_when_note_returns_and_only_the_servers_user_may_read_it(path):
    trail = AuditTrail(path)
    noted(trail, "session_started")
    (entry,) = entries(path)
    assert (entry["action"], entry["actor"], entry["seq"]) == ("session_started", "ward 3", 1)
    assert path.stat().st_mode & 0o777 == 0o600
    trail.close()


def test_the_chain_goes_on_after_a_restart_and_after_a_kill(path):
    first = AuditTrail(path)
    noted(first, "a", "b")
    first.close()
    second = AuditTrail(path)
    noted(second, "c")
    os.close(second._file._fd)  # as a kill: nothing is stored, the lock is gone
    os.close(second._file._head_fd)
    third = AuditTrail(path)
    noted(third, "d")
    third.close()
    assert [entry["seq"] for entry in entries(path)] == [1, 2, 3, 4]
    code, told = verified(path)
    assert code == 0
    assert told.startswith("4 lines hold, from its beginning; line 4 has the hash ")


def test_the_chain_goes_on_in_a_new_file_after_rotation_and_a_restart_with_an_empty_file(path):
    trail = AuditTrail(path)
    noted(trail, "a", "b")
    rotated = path.with_name("audit.jsonl.1")
    path.rename(rotated)
    noted(trail, "c")
    assert [entry["seq"] for entry in entries(path)] == [3]
    trail.close()
    older = path.with_name("audit.jsonl.2")
    rotated.rename(older)
    path.rename(rotated)
    trail = AuditTrail(path)
    noted(trail, "d")
    trail.close()
    assert verified(older, rotated, path)[0] == 0
    code, told = verified(path)
    assert (code, "1 lines hold, after line 3 with the hash " in told) == (0, True)


def test_a_server_that_is_killed_after_a_rotation_still_finds_the_end_in_the_rotated_file(path):
    trail = AuditTrail(path)
    noted(trail, "a", "b")
    os.close(trail._file._fd)
    os.close(trail._file._head_fd)
    rotated = path.with_name("audit.jsonl.1")
    path.rename(rotated)
    trail = AuditTrail(path)
    noted(trail, "c")
    trail.close()
    assert verified(rotated, path)[0] == 0


@pytest.mark.parametrize(
    ("harm", "line", "told"),
    [
        (lambda lines: [lines[0], lines[1].replace(b"ward 3", b"ward 4"), lines[2]], 2, "was changed"),
        (lambda lines: [lines[0], lines[1], lines[2].replace(b"ward 3", b"ward 4")], 3, "was changed"),
        (lambda lines: [lines[0], lines[2]], 2, "lines are missing"),
        (lambda lines: lines[:2], 2, "1 lines after it are missing"),
        (lambda lines: [], 0, "3 lines after it are missing"),
    ],
    ids=["changed", "last changed", "removed", "last removed", "emptied"],
)
def test_verify_names_the_first_broken_line_with_status_1(path, harm, line, told):
    trail = AuditTrail(path)
    noted(trail, "a", "b", "c")
    trail.close()
    path.write_bytes(b"".join(harm(path.read_bytes().splitlines(keepends=True))))
    code, said = verified(path)
    assert code == 1
    assert f"line {line}: " in said
    assert told in said


def test_verify_says_what_is_wrong_with_a_file_that_is_no_trail(path, tmp_path):
    assert verified(path)[0] == 2
    path.write_text("hello\n")
    assert verified(path) == (1, f"{path}, line 1: it is not a whole line of an audit trail")
    path.write_text("")
    assert verified(path)[0] == 1


def test_lines_that_vanished_while_the_server_was_down_are_named_later_on(path):
    trail = AuditTrail(path)
    noted(trail, "a", "b", "c")
    trail.close()
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))
    trail = AuditTrail(path)
    noted(trail, "d")
    trail.close()
    code, told = verified(path)
    assert (code, "line 2: it is numbered 4 where 2 follows" in told) == (1, True)


def test_a_line_that_a_power_failure_cut_is_taken_out_and_that_is_told(path):
    trail = AuditTrail(path)
    noted(trail, "a")
    trail.close()
    with path.open("ab") as file:
        file.write(b'{"seq":2,"time":"20')
    trail = AuditTrail(path)
    noted(trail, "b")
    trail.close()
    assert [entry["action"] for entry in entries(path)] == ["a", "line_removed", "b"]
    assert verified(path)[0] == 0


def test_a_second_server_on_the_same_file_is_refused(path):
    trail = AuditTrail(path)
    with pytest.raises(AuditError, match="another server writes this file"):
        AuditTrail(path)
    trail.close()


@pytest.mark.parametrize(
    ("name", "remedy"), [("missing/audit", "make its folder"), (".", "name a file and not a folder")]
)
def test_a_file_that_cannot_be_opened_is_told_with_a_remedy(tmp_path, name, remedy):
    (tmp_path / "..head").mkdir(exist_ok=True) if name == "." else None
    with pytest.raises(AuditError, match=remedy):
        AuditTrail(tmp_path / name)


class FullDisk:
    """`os.write`, on a disk that takes `room` bytes more."""

    def __init__(self, monkeypatch) -> None:
        self.room: int | None = None
        self._write = os.write
        monkeypatch.setattr("server.audit.file.os.write", self.write)

    def write(self, descriptor: int, data: bytes) -> int:
        if self.room is None:
            return self._write(descriptor, data)
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(descriptor, data[: self.room])
        self.room -= written
        return written


def test_on_a_full_disk_the_problem_is_told_once_and_what_happened_is_written_when_there_is_room(
    path, monkeypatch, caplog
):
    disk, states = FullDisk(monkeypatch), []
    trail = AuditTrail(path, states.append)
    noted(trail, "a")
    disk.room = 40  # a part of a line
    noted(trail, "b", "c")
    assert "No space left on device" in trail.problem
    assert "make room on that disk" in trail.problem
    assert [entry["action"] for entry in entries(path)] == ["a"], "no half line"
    trail.tick()
    assert trail.problem is not None
    disk.room = None
    trail.tick()
    assert trail.problem is None
    assert states == [False, True]
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    trail.close()
    assert [entry["action"] for entry in entries(path)] == ["a", "b", "c"]
    assert verified(path)[0] == 0


def test_of_more_than_memory_may_hold_the_oldest_are_given_up_and_their_number_is_told(path, monkeypatch):
    disk = FullDisk(monkeypatch)
    trail = AuditTrail(path)
    disk.room = 0
    noted(trail, *["x"] * MOST_KEPT, "y", "z")
    disk.room = None
    trail.tick()
    trail.close()
    found = entries(path)
    assert (found[0]["action"], found[0]["count"]) == ("lines_lost", 2)
    assert found[-1]["action"] == "z"
    assert len(found) == MOST_KEPT + 1


def test_a_disk_that_does_not_store_what_was_written_is_a_problem_until_it_does(path, monkeypatch):
    trail = AuditTrail(path)

    def failing(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    noted(trail, "a")
    with monkeypatch.context() as patched:
        patched.setattr("server.audit.file.os.fsync", failing)
        trail._sync()
        trail.tick()
        assert "look at that disk" in trail.problem
    trail._sync()
    trail.tick()
    assert trail.problem is None
    trail.close()


async def test_what_was_written_is_stored_within_a_tick_and_the_start_and_the_end_of_the_server_are_in_it(path):
    async with auditing(path, lambda up: None) as trail:
        noted(trail, "a")
        head = path.with_name("audit.jsonl.head")
        await until(lambda: head.read_text().startswith("2 "))
    assert [entry["action"] for entry in entries(path)] == ["server_started", "a", "server_stopped"]


async def test_without_a_file_nothing_is_kept():
    async with auditing(None, lambda up: None) as trail:
        assert type(trail) is Audit
        trail.note("a", actor="b", session=None, address=None, outcome="ok")
        assert trail.problem is None


async def test_a_consultation_leaves_its_actions_in_the_trail_and_none_of_its_words(path):
    trail = AuditTrail(path)
    async with serving(audit_trail=trail) as server:
        async with server.connect() as client:
            started = await client.start(patient={"name": "Zebulon", "history": "Zebulon"})
            session = started["session_id"]
            await client.say(speech((1.0, 0.5), (2.0, 0)))
            finding = (await client.hear("extraction"))["ops"][0]["finding"]["id"]
            await client.say({"type": "edit_finding", "finding_id": finding, "fields": {"text": "Zebulon"}})
            for _ in range(2):  # a client that does not know whether it was heard: it is taken and noted once
                await client.say({"type": "confirm_finding", "finding_id": finding, "request": 7})
            await client.say({"type": "dismiss_finding", "finding_id": finding})
            await client.say({"type": "edit_finding", "finding_id": "none", "fields": {"text": "Zebulon"}})
            await client.say({"type": "marker", "id": 1})
            await client.hear("marker")
        async with server.connect() as client:
            resume = {"type": "resume_session", "session_id": session, "resume_token": started["resume_token"]}
            await client.say({**resume, "last_seq": 1})
            await client.hear("session_resumed")
            await client.finish()
        assert (await server.get(f"/v1/sessions/{session}/record"))[0] == 200
        assert (await server.get("/v1/sessions/Zebulon/record?format=json"))[0] == 404
        async with server.connect() as client:
            await client.say({"type": "resume_session", "session_id": "Zebulon", "resume_token": "x", "last_seq": 0})
            assert await client.close_code() == 4404
        async with server.http.get(f"{server.url}/", headers={"Host": "zebulon.example"}) as response:
            assert response.status == 421
    trail.close()
    found = [(entry["action"], entry["session"], entry["outcome"]) for entry in entries(path)]
    assert found == [
        ("session_started", session, "ok"),
        ("finding_edited", session, "ok"),
        ("finding_confirmed", session, "ok"),
        ("finding_dismissed", session, "ok"),
        ("refused", session, "no_such_finding"),
        ("session_resumed", session, "ok"),
        ("session_stopped", session, "ok"),
        ("session_ended", session, "client"),
        ("record_read", session, "ok"),
        ("record_read", None, "no_such_session"),
        ("refused", None, "no_such_session"),
        ("refused", None, "host_not_allowed"),
    ]
    assert {entry["address"] for entry in entries(path)} == {"127.0.0.1", None}
    assert b"ebulon" not in path.read_bytes()
    assert verified(path)[0] == 0
