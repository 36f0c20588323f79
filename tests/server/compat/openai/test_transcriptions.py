"""OpenAI's own client against a real server with tiny.en: every format, words, two channels, streaming, errors."""

import asyncio
import json
import re
from io import BytesIO
from pathlib import Path

import aiohttp
import av
import openai
import pytest

from benchmarks.common.server_process import ServerProcess

DATA = Path(__file__).parents[3] / "data"
FILE, SENTENCE = DATA / "consultation.flac", DATA / "sentence.flac"


async def ready(server: ServerProcess) -> None:
    async with aiohttp.ClientSession() as http:
        await server.ready(http)


@pytest.fixture(scope="module")
def url():
    server = ServerProcess.serving("tiny.en", ["--max-sessions", "3", "--log-level", "warning", "--max-file-s", "90"])
    try:
        asyncio.run(ready(server))
        yield f"{server.url}v1"
    finally:
        server.stop()


@pytest.fixture
def client(url):
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as made:
        yield made


def create(client: openai.OpenAI, file: Path | BytesIO = SENTENCE, **fields):
    return client.audio.transcriptions.create(file=file, model="whisper-1", **fields)


def test_json_and_text_hold_the_words_and_the_length(client):
    found = create(client, prompt="Back pain", temperature=0, language="en")
    assert "lower back" in found.text
    assert found.usage.type == "duration"
    assert found.usage.seconds == 5
    assert create(client, response_format="text") == f"{create(client).text}\n"


def test_srt_and_vtt_hold_every_segment_with_its_times(client):
    srt, vtt = (create(client, FILE, response_format=form) for form in ("srt", "vtt"))
    times = r"(\d\d):(\d\d):(\d\d)[,.](\d{3})"
    cues = re.findall(rf"^(\d+)\n{times} --> {times}\n(.+)\n", srt, re.MULTILINE)
    assert [int(cue[0]) for cue in cues] == list(range(1, len(cues) + 1))
    assert len(cues) > 5
    assert vtt.startswith("WEBVTT\n\n00:00:0")
    assert len(re.findall(rf"^{times} --> {times}$", vtt, re.MULTILINE)) == len(cues)


def test_verbose_json_holds_segments_words_or_both_as_they_are_asked_for(client):
    plain = create(client, FILE, response_format="verbose_json")
    assert (plain.language, plain.words) == ("english", None)
    assert 58 < plain.duration < 59
    assert [segment.id for segment in plain.segments] == list(range(len(plain.segments)))
    assert all(-2 < s.avg_logprob < 0 and 0 <= s.no_speech_prob <= 1 and s.end > s.start for s in plain.segments)
    words = create(client, response_format="verbose_json", timestamp_granularities=["word"])
    assert words.segments is None
    assert " ".join(word.word for word in words.words) == words.text
    assert all(0 <= word.start <= word.end <= 6 for word in words.words)
    both = create(client, response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert both.words
    assert both.segments


def test_diarized_json_of_two_channels_names_clinician_and_patient(client):
    found = create(client, FILE, response_format="diarized_json", chunking_strategy="auto")
    assert found.task == "transcribe"
    assert {segment.speaker for segment in found.segments} == {"clinician", "patient"}
    assert found.segments[0].speaker == "clinician"
    patient = " ".join(segment.text for segment in found.segments if segment.speaker == "patient")
    assert "sore throat" in patient
    assert [s.start for s in found.segments] == sorted(s.start for s in found.segments)


def test_a_stream_brings_the_text_piece_by_piece_and_then_all_of_it(client):
    *deltas, done = create(client, FILE, stream=True)
    assert {event.type for event in deltas} == {"transcript.text.delta"}
    assert len(deltas) > 3
    assert (done.type, done.text) == ("transcript.text.done", "".join(event.delta for event in deltas))
    assert done.text == create(client, FILE).text


def test_a_stream_of_two_channels_brings_segments_with_their_speakers(client):
    events = list(create(client, FILE, stream=True, response_format="diarized_json"))
    segments = [event for event in events if event.type == "transcript.text.segment"]
    assert {segment.speaker for segment in segments} == {"clinician", "patient"}
    deltas = [event for event in events if event.type == "transcript.text.delta"]
    assert [delta.segment_id for delta in deltas] == [segment.id for segment in segments]


@pytest.mark.parametrize(
    ("fields", "code", "param", "advice"),
    [
        ({"language": "xx"}, "invalid_language", "language", "give one of en"),
        ({"response_format": "yaml"}, "unknown_response_format", "response_format", "verbose_json"),
        ({"temperature": 7}, "invalid_value", "temperature", "0 to 1"),
        (
            {"timestamp_granularities": ["word"]},
            "granularity_without_verbose_json",
            "timestamp_granularities[]",
            "needs",
        ),
        ({"response_format": "srt", "stream": True}, "format_cannot_stream", "stream", "json, text, diarized_json"),
        ({"response_format": "diarized_json"}, "file_one_channel", "file", "two channels, left clinician"),
        ({"file": BytesIO(b"garbage" * 1000)}, "file_unreadable", "file", "give a recording of speech"),
        ({"file": BytesIO(b"#EXTM3U\nfile:///etc/passwd\n")}, "file_unreadable", "file", "give a recording of speech"),
        ({"file": BytesIO(b"")}, "missing_file", "file", "in the field file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_error_is_openais_and_says_what_to_do(client, fields, code, param, advice):
    with pytest.raises(openai.BadRequestError) as failed:
        create(client, **fields)
    assert failed.value.body["type"] == "invalid_request_error"
    assert (failed.value.code, failed.value.param) == (code, param)
    assert advice in failed.value.body["message"]


def test_a_recording_above_the_limit_of_seconds_is_refused_as_a_whole_and_in_a_stream(client):
    file = BytesIO()
    with av.open(file, "w", format="flac") as made:
        stream = made.add_stream("flac", rate=16_000)
        stream.layout = "mono"
        for number in range(350):
            frame = av.AudioFrame(format="s16", layout="mono", samples=4608)
            frame.sample_rate, frame.pts = 16_000, number * 4608
            for packet in stream.encode(frame):
                made.mux(packet)
        for packet in stream.encode(None):
            made.mux(packet)
    with pytest.raises(openai.APIStatusError) as failed:
        create(client, BytesIO(file.getvalue()))
    assert (failed.value.status_code, failed.value.code) == (413, "file_too_long")
    assert "send it in parts" in failed.value.body["message"]


def test_a_form_that_is_none_is_refused(url):
    async def post() -> tuple[int, dict]:
        async with aiohttp.ClientSession() as http, http.post(f"{url}/audio/transcriptions", json={}) as response:
            return response.status, await response.json()

    status, body = asyncio.run(post())
    assert (status, body["error"]["code"]) == (400, "invalid_form")
    assert "multipart/form-data" in json.dumps(body)
