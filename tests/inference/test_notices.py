"""What clients are told about the sound itself, over a real server and with the real voice activity detector."""

import numpy as np
import pytest

from inference.pipeline import Pipeline
from tests.support.fakes import LevelAsr
from tests.support.formats import at_rate, integers, wrong_formats
from tests.support.live import serving
from tests.support.speech import chunks, pcm

SECOND = 32_000


def pipeline(vad) -> Pipeline:
    return Pipeline(vad, LevelAsr(), [])


async def play(client, data: bytes, chunk_bytes: int = SECOND) -> None:
    for chunk in chunks(data, chunk_bytes):
        await client.say(chunk)


def told(client) -> list[tuple[str, str | None]]:
    return [(e["code"], e.get("speaker")) for e in client.events if e["type"] == "notice"]


@pytest.fixture(scope="module")
def talk(consultation):
    piece = consultation[: 10 * 16_000]
    return piece / np.abs(piece).max() / 2


async def test_every_wrong_format_is_told_once_within_ten_seconds_of_audio(vad, talk):
    async with serving(pipeline(vad)) as server:
        for name, data in wrong_formats(talk).items():
            async with server.connect() as client:
                await client.start()
                await play(client, data[: 10 * SECOND])
                await client.finish()
                assert told(client) == [("audio_suspect", None)], name
        _, metrics = await server.get("/metrics")
    assert f'drtranscribe_notices_total{{code="audio_suspect"}} {len(wrong_formats(talk))}.0' in metrics


@pytest.mark.parametrize(("recorded", "declared"), [(48_000, 16_000), (44_100, 16_000)])
async def test_a_wrong_rate_is_told_within_ten_seconds_of_audio(vad, talk, recorded, declared):
    async with serving(pipeline(vad)) as server, server.connect() as client:
        await client.start(audio={"sample_rate": declared})
        data = integers(at_rate(talk, recorded)).tobytes()
        await play(client, data[: 10 * 2 * declared], 2 * declared)
        await client.finish()
    assert told(client) == [("audio_suspect", None)]
    (notice,) = [event for event in client.events if event["type"] == "notice"]
    assert f"the {declared} Hz that were declared" in notice["message"]


@pytest.mark.parametrize("noise_level", [0.0, 1e-3])
@pytest.mark.parametrize("offset", [0.0, 0.3])
async def test_a_silent_room_and_a_dead_microphone_are_told_once_at_ten_seconds(vad, noise_level, offset):
    sound = offset + noise_level * np.random.default_rng(0).standard_normal(20 * 16_000)
    async with serving(pipeline(vad)) as server, server.connect() as client:
        await client.start()
        await play(client, integers(sound[: 9 * 16_000]).tobytes())
        await client.say({"type": "marker", "id": 1})
        await client.hear("marker")
        assert told(client) == []
        await play(client, integers(sound[9 * 16_000 :]).tobytes())
        await client.finish()
    assert told(client) == [("no_speech", None)]
    message = next(event["message"] for event in client.events if event["type"] == "notice")
    assert ("sends no sound at all" in message) == (noise_level == 0.0)


async def test_a_pause_is_no_silence(vad, talk):
    async with serving(pipeline(vad)) as server, server.connect() as client:
        await client.start()
        await client.say({"type": "pause_session"})
        await play(client, bytes(20 * SECOND))
        await client.say({"type": "continue_session"})
        await play(client, bytes(5 * SECOND))
        await play(client, pcm(talk))
        await client.finish()
    assert told(client) == []


async def test_in_dual_mode_the_dead_microphone_is_named(vad, talk):
    async with serving(pipeline(vad)) as server, server.connect() as client:
        await client.start(mode="dual", audio={"channels": 2})
        await play(client, pcm(np.stack([np.tile(talk, 2), np.zeros(20 * 16_000, np.float32)])), 2 * SECOND)
        await client.finish()
    assert told(client) == [("no_speech", "patient")]
    message = next(event["message"] for event in client.events if event["type"] == "notice")
    assert "the patient's microphone (channel 1)" in message


async def test_a_consultation_is_told_of_nothing(vad, consultation):
    async with serving(pipeline(vad)) as server, server.connect() as client:
        await client.start()
        await play(client, pcm(consultation))
        await client.finish()
    assert told(client) == []


async def test_a_notice_is_in_the_log_and_comes_again_to_a_client_that_missed_it(vad):
    async with serving(pipeline(vad)) as server:
        async with server.connect() as client:
            started = await client.start()
            await play(client, bytes(11 * SECOND))
            notice = await client.hear("notice")
        async with server.connect() as client:
            await client.say(
                {
                    "type": "resume_session",
                    "session_id": started["session_id"],
                    "resume_token": started["resume_token"],
                    "last_seq": notice["seq"] - 1,
                }
            )
            await client.hear("session_resumed")
            assert await client.hear("notice") == notice
            await client.finish()
