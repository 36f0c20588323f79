import base64
import io
import json
import wave
from contextlib import suppress

import pytest

from server.compat.legacy.messages import AudioChunk, LegacyError, StartSession, error, parse, samples_of


def wav(samples=b"\1\0" * 1600, rate=16_000, channels=1, width=2):
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(width)
        written.setframerate(rate)
        written.writeframes(samples)
    return base64.b64encode(file.getvalue()).decode()


def test_a_start_takes_both_spellings_of_the_appointment_and_is_dual_unless_it_says_otherwise():
    for name in ("appointment_id", "appointmentId"):
        said = parse(json.dumps({"type": "start_session", name: "drt-1", "doctor_id": "doc_1", "later": True}))
        assert said == StartSession(type="start_session", appointment_id="drt-1", doctor_id="doc_1")
        assert said.mode == "dual"


def test_a_chunk_of_ten_seconds_is_read():
    said = parse(json.dumps({"type": "audio_chunk", "audio_data": wav(bytes(320_000)), "source": "mic"}))
    assert isinstance(said, AudioChunk)
    assert samples_of(said.audio_data) == bytes(320_000)


def test_escaped_slashes_of_base64_are_read():
    data = base64.b64encode(b"\xff\xff\xff").decode()
    assert "/" in data
    said = parse(json.dumps({"type": "audio_chunk", "audio_data": data, "source": "mic"}).replace("/", "\\/"))
    assert isinstance(said, AudioChunk)
    assert said.audio_data == data


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not JSON", "not JSON"),
        ("[" * 30_000, "not JSON"),
        ("[]", "start_session, audio_chunk"),
        ('{"type": "yodel"}', "start_session, audio_chunk"),
        ('{"type": ["start_session"]}', "start_session, audio_chunk"),
        ('{"type": "start_session"}', "appointment_id"),
        ('{"type": "start_session", "appointment_id": ""}', "appointment_id"),
        ('{"type": "start_session", "appointment_id": "a", "mode": "solo"}', "mode"),
        ('{"type": "start_session", "appointment_id": "a", "patient": {"age": 200}}', "a field is wrong"),
        ('{"type": "audio_chunk", "source": "mic"}', "audio_data"),
        ('{"type": "audio_chunk", "audio_data": 7, "source": "mic"}', "audio_data"),
        ('{"type": "start_session", "appointment_id": "' + "x" * 70_000 + '"}', "65536 bytes"),
        ('{"type": "audio_chunk", "audio_data": "' + "é" * 70_000 + '"}', "65536 bytes"),
    ],
)
def test_a_wrong_message_is_refused_without_a_word_of_it(text, told):
    with pytest.raises(LegacyError) as fault:
        parse(text)
    assert fault.value.code == "INVALID_MESSAGE"
    assert told in str(fault.value)
    assert "yodel" not in str(fault.value)
    assert "200" not in str(fault.value)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("!!!", "not base64"),
        (base64.b64encode(b"OggS").decode(), "not a WAV file"),
        ("", "not a WAV file"),
        (wav(rate=44_100), "44100 Hz, 1 channels and 16 bits: send 16000 Hz"),
        (wav(channels=2), "2 channels"),
        (wav(width=1), "8 bits"),
        (wav(b""), "no whole samples"),
        (wav(bytes(320_002)), "longer than 10 s"),
    ],
)
def test_audio_that_is_no_chunk_is_refused_with_what_to_send(data, told):
    with pytest.raises(LegacyError, match=told) as fault:
        samples_of(data)
    assert fault.value.code == "INVALID_MESSAGE"


def test_a_file_that_was_cut_off_in_the_middle_of_a_sample_is_refused():
    file = base64.b64encode(base64.b64decode(wav())[:-1]).decode()
    with pytest.raises(LegacyError, match="no whole samples"):
        samples_of(file)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("no_session", "NO_ACTIVE_SESSION"),
        ("session_stopping", "NO_ACTIVE_SESSION"),
        ("already_attached", "SESSION_ALREADY_ACTIVE"),
        ("no_such_session", "SESSION_NOT_FOUND"),
        ("invalid_audio", "INVALID_MESSAGE"),
        ("INVALID_SOURCE_FOR_MODE", "INVALID_SOURCE_FOR_MODE"),
        ("full", "FULL"),
    ],
)
def test_codes_are_those_of_the_contract_or_ours_in_capitals(code, told):
    assert json.loads(error(code, "what to do", "id", 7)) == {
        "type": "error", "error_code": told, "message": "what to do", "session_id": "id", "chunk_id": 7,
    }  # fmt: skip


def test_a_wav_file_whose_head_has_any_byte_changed_is_read_or_refused():
    whole = base64.b64decode(wav(bytes(2000)))
    for at in range(44):
        for value in (0x00, 0x01, 0x7F, 0x80, 0xFF):
            changed = whole[:at] + bytes((value,)) + whole[at + 1 :]
            with suppress(LegacyError):
                assert samples_of(base64.b64encode(changed).decode())
