import json

import pytest

from server.guards.bounds import MAX_TEXT_BYTES
from server.protocol import MAX_QUOTED, ProtocolError, parse

START = {"type": "start_session", "consent": True}


def edit(names):
    return {"type": "edit_finding", "finding_id": "f1", "fields": {"attributes": dict.fromkeys(names, "x")}}


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("message", "code", "remedy"),
    [
        (edit(f"a{i}" for i in range(322_000)), "text_too_large", "above 65536 bytes"),
        (edit(f"a{i}" for i in range(17)), "message_too_complex", "more than 16 names"),
        ({**START, "patient": {"history": "ß" * 40_000}}, "text_too_large", "shorten"),
        ({**START, "vocabulary": ["x"] * 1_001}, "message_too_complex", "1000 items"),
        ({**START, "later": [[1] * 900] * 3}, "message_too_complex", "2000 values"),
        ({**START, "later": nested(7)}, "message_too_complex", "6 levels"),
        ({**START, **dict.fromkeys(map(str, range(40)))}, "message_too_complex", "32 keys"),
        ({**START, "k" * 101: 1}, "message_too_complex", "100 characters"),
        ({"type": "confirm_finding", "finding_id": "f" * 201}, "invalid_message", "finding_id"),
        ({"type": "marker", "id": 1 << 60}, "invalid_message", "id"),
    ],
)
def test_a_message_larger_than_the_protocol_has_is_refused_with_what_to_send(message, code, remedy):
    with pytest.raises(ProtocolError, match=remedy) as caught:
        parse(json.dumps(message, ensure_ascii=False))
    assert caught.value.code == code


@pytest.mark.parametrize("text", ["[" * 60_000, '{"a":' * 12_000, '{"id":' + "9" * 60_000 + "}"])
def test_no_json_within_the_limit_breaks_the_decoder(text):
    with pytest.raises(ProtocolError) as caught:
        parse(text)
    assert caught.value.code == "not_json"


def test_the_largest_messages_of_the_protocol_are_taken():
    full = {**START, "patient": {"history": "a" * 20_000}, "vocabulary": ["word"] * 1_000}
    assert len(json.dumps(full)) < MAX_TEXT_BYTES
    assert len(parse(json.dumps(full)).vocabulary) == 1_000


def test_what_an_error_repeats_of_a_message_is_short():
    names = [f"{letter * 90}" for letter in "QXZWVJ"]
    with pytest.raises(ProtocolError) as caught:
        parse(json.dumps(edit(names)))
    assert sum(str(caught.value).count(letter) for letter in "QXZWVJ") <= MAX_QUOTED
