"""Who may transcribe a recording, how many at once, and what is left of it: over a real socket, on fakes."""

import asyncio
import json
import re
import threading
import wave
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.config import AsrConfig
from inference.pipeline import Pipeline
from server.app import FILES, METRICS, PIPELINE, SESSIONS
from tests.support.access import Notes, key
from tests.support.fakes import ONE_PAUSE, EchoExtractor, LevelAsr, LoudnessVad, speech
from tests.support.live import Server, serving, until

SENTENCE = Path(__file__).parents[3] / "data" / "sentence.flac"
PATH = "/v1/audio/transcriptions"


def form(data: bytes | None = None, **fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData({"model": "whisper-1", **fields})
    made.add_field("file", BytesIO(SENTENCE.read_bytes() if data is None else data), filename="recording.flac")
    return made


def recording(*parts: tuple[float, float]) -> bytes:
    """A WAV of (seconds, loudness) parts."""
    made = BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(speech(*parts))
    return made.getvalue()


async def post(server: Server, body: aiohttp.FormData | None = None, **options) -> tuple[int, dict, dict]:
    async with server.http.post(server.url + PATH, data=form() if body is None else body, **options) as response:
        return response.status, await response.json(), dict(response.headers)


async def test_a_key_that_may_speak_transcribes_and_the_audit_holds_it_without_a_word(tmp_path):
    header, notes = key(tmp_path / "keys", "clinic"), Notes()
    async with serving(keys_file=tmp_path / "keys", audit_trail=notes) as server:
        status, body, headers = await post(server, headers=header)
        assert (status, headers["Cache-Control"]) == (200, "no-store")
        assert "s of" in body["text"]
        assert notes.lines == [("file_transcribed", "clinic", "ok")]
        metrics = server.app[METRICS]
        assert metrics.files._value.get() == 1
        assert metrics.file_seconds._value.get() == pytest.approx(metrics.audio_seconds._value.get())


@pytest.mark.parametrize(
    ("scopes", "shown", "status", "code"),
    [((), False, 401, "not_authorised"), (("read",), True, 403, "scope_missing")],
    ids=["no key", "a key that reads"],
)
async def test_who_may_not_speak_is_told_so_in_openais_shape(tmp_path, scopes, shown, status, code):
    header = key(tmp_path / "keys", "clinic", *scopes)
    async with serving(keys_file=tmp_path / "keys") as server:
        found, body, headers = await post(server, headers=header if shown else {})
        assert (found, body["error"]["code"]) == (status, code)
        assert body["error"]["message"]
        assert ("WWW-Authenticate" in headers) == (status == 401)


async def test_a_key_pays_for_the_bytes_of_its_recordings(tmp_path):
    header = key(tmp_path / "keys", "clinic", bytes_per_minute=4_000_000)
    async with serving(keys_file=tmp_path / "keys") as server:
        status, body, headers = await post(server, form(b"\0" * 5_000_000), headers=header)
        assert (status, body["error"]["code"]) == (429, "key_bytes")
        assert int(headers["Retry-After"]) > 0
        assert server.app[METRICS].refused.labels("key_bytes")._value.get() == 1


async def test_a_recording_above_the_limit_is_refused_before_all_of_it_has_come():
    async with serving(max_file_bytes=1_000_000) as server:
        status, body, _ = await post(server, form(b"\0" * 3_000_000))
        assert (status, body["error"]["code"]) == (413, "file_too_large")
        assert "1000000 bytes" in body["error"]["message"]


@pytest.mark.parametrize(("shown", "status", "code"), [(True, 503, "full"), (False, 401, "not_authorised")])
async def test_a_refusal_reaches_a_client_that_is_still_sending_its_recording(tmp_path, shown, status, code):
    header = key(tmp_path / "keys", "clinic")
    async with serving(keys_file=tmp_path / "keys", max_files=0) as server:
        for _ in range(3):
            found, body, _ = await post(server, form(bytes(20_000_000)), headers=header if shown else {})
            assert (found, body["error"]["code"]) == (status, code)
        refused = server.app[METRICS].refused
        assert (refused.labels(code)._value.get(), refused.labels("text_too_large")._value.get()) == (3, 0)


async def test_a_large_body_passes_the_door_and_its_connection_waits_again_afterwards():
    async with serving() as server:
        for _ in range(2):
            status, body, _ = await post(server, form(b"\0" * 20_000_000))
            assert (status, body["error"]["code"]) == (400, "file_unreadable")
        await until(lambda: not any(visitor.held_bytes for visitor in server.door._inside))
        assert all(server.door.waits(visitor) for visitor in server.door._inside)


async def test_more_recordings_than_may_be_at_once_are_refused_and_the_others_are_answered():
    asr = LevelAsr()
    async with serving(Pipeline(LoudnessVad(), asr, [EchoExtractor()], ONE_PAUSE), max_files=1) as server:
        asr.go.clear()
        first = asyncio.create_task(post(server))
        await until(lambda: bool(server.app[FILES]._open))
        status, body, headers = await post(server)
        assert (status, body["error"]["code"], body["error"]["type"]) == (503, "full", "server_error")
        assert int(headers["Retry-After"]) > 0
        asr.go.set()
        assert (await first)[0] == 200
        assert not server.app[FILES]._open


async def test_what_a_client_that_has_gone_asked_for_leaves_the_queue_and_its_place():
    asr = LevelAsr()
    async with serving(Pipeline(LoudnessVad(), asr, [EchoExtractor()], ONE_PAUSE)) as server:
        asr.go.clear()
        before = len(asr.requests)
        asked = asyncio.create_task(post(server))
        await until(lambda: len(asr.requests) > before)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await until(lambda: not server.app[FILES]._open)
        asr.go.set()
        assert (await post(server))[0] == 200


async def test_a_server_that_goes_down_tells_its_clients_to_come_again():
    asr = LevelAsr()
    async with serving(Pipeline(LoudnessVad(), asr, [EchoExtractor()], ONE_PAUSE)) as server:
        asr.go.clear()
        before = len(asr.requests)
        asked = asyncio.create_task(post(server))
        await until(lambda: len(asr.requests) > before)
        await server.app[FILES].close()
        status, body, _ = await asked
        assert (status, body["error"]["code"]) == (503, "shutting_down")
        asr.go.set()
        assert (await post(server))[1]["error"]["code"] == "shutting_down"


async def test_a_span_that_cannot_be_transcribed_ends_a_recording_and_not_a_session():
    asr = LevelAsr()
    async with serving(Pipeline(LoudnessVad(), asr, [EchoExtractor()], ONE_PAUSE)) as server:
        asr.fail = 2
        status, body, _ = await post(server, form(recording((1.0, 0.5), (2.0, 0), (1.0, 0.7), (2.0, 0))))
        assert (status, body["error"]["code"]) == (500, "asr_failed")
        told = body["error"]["message"]
        seconds = r"0\.0 s to \d\.\d s could not be transcribed \(RuntimeError\)"
        assert re.match(f"{seconds}, so this recording has no complete transcript", told)
        assert "send it again" in told
        assert "session" not in told
        async with server.connect() as client:
            await client.start()
            asr.fail = 2
            await client.say(speech((1.0, 0.5), (2.0, 0), (1.0, 0.7), (2.0, 0)))
            fault = await client.hear("error")
            assert (fault["code"], fault["fatal"]) == ("asr_failed", False)
            assert fault["message"].endswith("see the server's log; the session goes on")
            assert (await client.finish())["segments"] == 1


class LateAsr(LevelAsr):
    """Decodes what is loud when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.loud = threading.Event()

    def transcribe(self, requests: Sequence[AsrRequest], mels: object = None) -> list[Hypothesis]:
        if max(np.abs(request.audio).max() for request in requests) > 0.6:
            assert self.loud.wait(timeout=20)
        return super().transcribe(requests, mels)


async def test_a_stream_brings_words_before_all_of_the_recording_is_decoded():
    asr, data = LateAsr(), recording((25.0, 0.5), (2.0, 0), (25.0, 0.7), (2.0, 0))
    config = replace(ONE_PAUSE, asr=AsrConfig(workers=1, max_batch=1))
    async with (
        serving(Pipeline(LoudnessVad(), asr, [EchoExtractor()], config)) as server,
        server.http.post(server.url + PATH, data=form(data, stream="true")) as response,
    ):
        async with asyncio.timeout(15):
            first = json.loads((await response.content.readline()).removeprefix(b"data: "))
        asr.loud.set()
        rest = (await response.read()).decode()
    assert first["type"] == "transcript.text.delta"
    assert "of 0.50" in first["delta"]
    assert re.findall(r"\d\.\d\d(?= *\")", rest)[0] == "0.70"
    assert '"transcript.text.done"' in rest


async def test_a_server_that_is_not_ready_says_so(monkeypatch):
    async with serving() as server:
        monkeypatch.setattr(server.app[PIPELINE], "_started", False)
        status, body, _ = await post(server)
        assert (status, body["error"]["code"]) == (503, "not_ready")
        monkeypatch.undo()


async def test_a_decoder_that_dies_costs_the_recording_that_it_was_at_alone():
    async with serving() as server:
        assert (await post(server))[0] == 200
        server.app[SESSIONS].decoding._end()
        assert (await post(server))[0] == 200
