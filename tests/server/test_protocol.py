import json

import pytest

from inference.findings import Evidence, Finding, Operation
from inference.timing import Timings
from inference.transcript import Segment, Word
from inference.updates import ExtractionUpdate, Notice, TranscriptUpdate
from server import protocol
from server.protocol import MarkerMessage, ProtocolError, StartSession, StopSession, parse


def test_a_start_session_has_the_defaults_of_the_contract():
    message = parse('{"type": "start_session", "consent": true}')
    assert isinstance(message, StartSession)
    assert (message.audio.sample_rate, message.audio.channels, message.audio.encoding) == (16_000, 1, "pcm_s16le")
    assert message.mode == "ambient"


def test_messages_are_told_apart_by_their_type():
    assert parse('{"type": "marker", "id": 3}') == MarkerMessage(type="marker", id=3)
    assert parse('{"type": "stop_session", "of_a_later_version": 1}') == StopSession(type="stop_session")


@pytest.mark.parametrize(
    ("text", "code", "remedy"),
    [
        ("{", "not_json", "send one JSON object"),
        ("[" * 60_000, "not_json", "send one JSON object"),
        ("[1]", "invalid_message", 'needs a "type"'),
        ('{"type": 3}', "invalid_message", "start_session"),
        ('{"type": "sing"}', "unknown_type", "start_session, resume_session"),
        ('{"type": "start_session"}', "invalid_message", "consent: Field required"),
        ('{"type": "start_session", "consent": "yes"}', "invalid_message", "consent"),
        ('{"type": "start_session", "consent": true, "mode": "trio"}', "invalid_message", "mode"),
        ('{"type": "start_session", "consent": true, "audio": {"encoding": "mp3"}}', "invalid_message", "pcm_s16le"),
        ('{"type": "start_session", "consent": true, "language": "English"}', "invalid_message", "language"),
        ('{"type": "marker", "id": "x"}', "invalid_message", "id"),
        ('{"type": "resume_session", "session_id": "a"}', "invalid_message", "resume_token"),
    ],
)
def test_a_wrong_message_is_named_with_its_remedy(text, code, remedy):
    with pytest.raises(ProtocolError, match=remedy) as caught:
        parse(text)
    assert caught.value.code == code


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\u200d", "\t\n", "\u00a0\ufeff", "..."])
def test_a_finding_cannot_be_edited_into_one_without_a_word(text):
    with pytest.raises(ProtocolError, match="text") as caught:
        parse(json.dumps({"type": "edit_finding", "finding_id": "f1", "fields": {"text": text}}))
    assert caught.value.code == "invalid_message"


def test_a_fault_never_repeats_what_the_client_sent():
    with pytest.raises(ProtocolError) as caught:
        parse('{"type": "start_session", "consent": true, "patient": {"name": "Secretname", "age": "Secretname"}}')
    assert "Secretname" not in str(caught.value)
    assert "patient.age" in str(caught.value)
    assert caught.value.__cause__ is None


def test_updates_become_the_events_of_the_contract():
    segment = Segment("s3", "patient", 8.4, 11.2, "No fever.", True, (Word("No", 8.4, 8.6, 0.9),))
    finding = Finding(
        "f7", "symptom", "fever", "absent", "current", "patient", {"onset": "Monday"},
        (Evidence("s3", "No fever", 0, 8, 8.4, 11.0, "patient"),), "rules", 0.8,
    )  # fmt: skip
    type_, fields = protocol.update_fields(TranscriptUpdate(segment, Timings(received_at=5.0)), 0)
    assert type_ == "transcript"
    assert list(fields["segment"]["words"]) == [{"text": "No", "start": 8.4, "end": 8.6, "probability": 0.9}]
    assert set(fields["timings"]) == {"received_at", "vad_ms", "queue_ms", "asr_ms", "extract_ms", "total_ms"}
    type_, fields = protocol.update_fields(ExtractionUpdate(2, (Operation("add", finding),), Timings()), 0)
    event = json.loads(protocol.event(type_, 9, **fields))
    assert (event["type"], event["seq"], event["revision"]) == ("extraction", 9, 2)
    assert event["ops"][0]["finding"] == {
        "id": "f7", "kind": "symptom", "text": "fever", "status": "absent", "temporality": "current",
        "experiencer": "patient", "attributes": {"onset": "Monday"}, "source": "rules", "confidence": 0.8, "codes": [],
        "evidence": [{"segment": "s3", "quote": "No fever", "start": 0, "end": 8, "from_s": 8.4, "to_s": 11.0, "speaker": "patient"}],
    }  # fmt: skip


def test_a_notice_names_its_track_only_where_it_concerns_one():
    told = protocol.update_fields(Notice("no_speech", "nothing is heard", "patient"), 0)
    assert told == ("notice", {"code": "no_speech", "message": "nothing is heard", "speaker": "patient"})
    told = protocol.update_fields(Notice("audio_suspect", "check the rate"), 0)
    assert told == ("notice", {"code": "audio_suspect", "message": "check the rate"})


def test_a_segment_names_its_language_only_where_it_is_another_one_than_the_session_began_in():
    segment = Segment("s1", "unknown", 0.0, 1.0, "Tengo tos.", True, language="es")
    assert protocol.segment_fields(segment)["language"] == "es"
    assert "language" not in protocol.segment_fields(Segment("s2", "unknown", 1.0, 2.0, "I cough.", True))
