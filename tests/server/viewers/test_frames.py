"""Events of the wire as Server-Sent Events."""

import json

from server import protocol
from server.viewers.frames import SHOWN_AT_START, chunk, frame


def fields(plain: bytes) -> dict[str, str]:
    assert plain.endswith(b"\n\n")
    return dict(line.split(": ", 1) for line in plain.decode().splitlines() if line)


def test_an_event_has_its_number_as_id_its_type_as_event_and_its_json_as_data():
    text = protocol.event("transcript", 12, segment={"id": "s1", "text": 'one\ntwo "three" ä'})
    shown = frame(text)
    assert shown.seq == 12
    assert fields(shown.plain) == {"id": "12", "event": "transcript", "data": text.decode()}
    assert json.loads(fields(shown.plain)["data"])["segment"]["text"] == 'one\ntwo "three" ä'


def test_an_event_without_fields_has_them_too():
    assert fields(frame(protocol.event("session_paused", 3)).plain)["id"] == "3"


def test_the_chunk_is_the_same_bytes_with_their_length_before_them():
    shown = frame(protocol.event("marker", 4, id=1))
    size, _, rest = shown.chunk.partition(b"\r\n")
    assert rest == shown.plain + b"\r\n"
    assert int(size, 16) == len(shown.plain)
    assert chunk(b"") == b"0\r\n\r\n"


def test_what_resumes_a_session_is_not_shown_nor_is_a_field_that_nobody_has_named():
    text = protocol.event("session_started", 1, session_id="x", resume_token="secret", models={}, later="secret too")
    shown = json.loads(fields(frame(text).plain)["data"])
    assert shown == {"type": "session_started", "seq": 1, "session_id": "x", "models": {}}
    assert "resume_token" not in SHOWN_AT_START
