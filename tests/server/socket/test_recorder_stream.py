"""The stream of a MediaRecorder as the audio of a session, over a real socket."""

import random
from pathlib import Path

import numpy as np
import pytest

from drtranscribe import Consultation
from server.app import METRICS, SESSIONS
from server.media.decoding import Decoding
from server.sessions.intake.intake import DAMAGED
from server.sessions.intake.recorder import RecorderStream
from tests.support.access import key
from tests.support.live import Client, Server, serving, until
from tests.support.recorder import decoded, recorded, tone
from tests.support.redis import redis_or_skip
from tests.support.speech import chunks

DATA = Path(__file__).parents[2] / "data"
"""mediarecorder.webm is sentence.flac, recorded by a MediaRecorder of Chromium 156 in pieces of half a second."""

WORDS = ((1.0, 0.5), (1.0, 0), (1.5, 0.4), (1.0, 0), (2.0, 0.3), (1.2, 0), (1.0, 0.6))
SAID = tone(*WORDS)
KINDS = ("webm_opus", "ogg_opus")
STREAMS = {kind: recorded(SAID, kind) for kind in KINDS}
SAMPLES = sum(seconds for seconds, _ in WORDS) * 48_000


def of(kind: str, channels: int = 1) -> dict:
    return {"audio": {"encoding": kind, "channels": channels}}


async def finals_of_samples(server: Server, pcm: np.ndarray, **fields) -> list:
    """What a session that sends the decoded samples is told."""
    stereo = pcm if pcm.shape[1] == 2 else np.repeat(pcm, 2, axis=1)
    async with server.connect() as client:
        await client.start(audio={"sample_rate": 48_000, "channels": 2}, **fields)
        for frame in chunks(stereo.astype("<i2").tobytes(), 4 * 24_000):
            await client.say(frame)
        await client.finish()
        return client.finals()


async def speak(client: Client, data: bytes, size: int = 2000) -> None:
    for frame in chunks(data, size):
        await client.say(frame)


@pytest.mark.parametrize("kind", KINDS)
async def test_finals_are_those_of_the_decoded_samples_wherever_the_stream_is_cut(kind):
    async with serving() as server:
        expected = await finals_of_samples(server, decoded(STREAMS[kind]))
        assert len(expected) == 4
        for seed in (1, 2):
            async with server.connect() as client:
                rng, at = random.Random(seed), 0
                started = await client.start(**of(kind))
                assert started["audio"] == {"encoding": kind, "sample_rate": 48_000, "channels": 1}
                assert started["limits"]["max_frame_bytes"] == 640_000
                while at < len(STREAMS[kind]):
                    size = rng.choice((1, 7, 500, 3000, 9000))
                    await client.say(STREAMS[kind][at : at + size])
                    at += size
                stopped = await client.finish()
                assert client.finals() == expected
                assert abs(stopped["audio_s"] - SAMPLES / 48_000) < 0.05
                progress = [event for event in client.events if event["type"] == "progress"]
                assert progress[-1]["received_bytes"] == progress[-1]["durable_bytes"] == len(STREAMS[kind])


async def test_a_stream_of_two_channels_is_clinician_and_patient():
    left = np.frombuffer(tone((1.0, 0.5), (3.0, 0)), dtype="<i2")
    right = np.frombuffer(tone((2.0, 0), (1.0, 0.3), (1.0, 0)), dtype="<i2")
    data = recorded(np.stack([left, right], axis=1).tobytes(), channels=2)
    async with serving() as server:
        expected = await finals_of_samples(server, decoded(data), mode="dual")
        async with server.connect() as client:
            await client.start(mode="dual", **of("webm_opus", 2))
            await speak(client, data)
            await client.finish()
        assert client.finals() == expected
        assert [final[0] for final in expected] == ["c1", "p1"]


async def test_after_a_lost_connection_the_client_sends_from_the_byte_that_the_server_names():
    data = STREAMS["webm_opus"]
    async with serving() as server:
        expected = await finals_of_samples(server, decoded(data))
        async with server.connect() as one:
            started = await one.start(**of("webm_opus"))
            await speak(one, data[:15_001], 5_000)  # not at the end of a packet
            await one.hear("progress")
            session = server.app[SESSIONS].known(started["session_id"])
            await until(lambda: session.positions["received_bytes"] == 15_001)
        async with server.connect() as two:
            resumed = await resume(two, started, one.events[-1]["seq"])
            assert resumed["received_bytes"] == 15_001
            await speak(two, data[15_001:])
            await two.finish()
        assert one.finals() + two.finals() == expected


async def resume(client: Client, started: dict, last_seq: int) -> dict:
    token, name = started["resume_token"], started["session_id"]
    await client.say({"type": "resume_session", "session_id": name, "resume_token": token, "last_seq": last_seq})
    return await client.hear("session_resumed")


async def test_the_python_client_sends_a_recorders_stream_and_resumes_it_by_bytes():
    data = STREAMS["webm_opus"]
    async with serving() as server:
        expected = await finals_of_samples(server, decoded(data))
        url = server.url.replace("http", "ws")
        async with Consultation.connect(url, encoding="webm_opus", backoff=lambda attempt: 0.05) as consultation:
            await consultation.send(data[:20_001])
            session = server.app[SESSIONS].known(consultation.session_id)
            await until(lambda: session.positions["received_bytes"] == 20_001)
            session.attachment.drop()
            for piece in chunks(data[20_001:], 5_000):
                await consultation.send(piece)
            await consultation.stop()
            events = [event async for event in consultation]
        assert server.app[METRICS].resumed._value.get() == 1
        finals = [e["segment"] for e in events if e["type"] == "transcript" and e["segment"]["final"]]
        assert [(s["id"], s["start"], s["end"], s["text"]) for s in finals] == expected
        assert events[-1]["audio_s"] > 8


@pytest.mark.parametrize("kind", KINDS)
async def test_another_server_goes_on_from_the_durable_byte_with_the_same_finals(kind):
    data = recorded(tone(*WORDS * 3), kind)  # at 48 kHz the mark moves five seconds at a time
    cut = len(data) * 8 // 10
    with redis_or_skip() as redis:
        async with serving(store=redis.url) as first, serving(store=redis.url) as second:
            expected = await finals_of_samples(first, decoded(data))
            async with first.connect() as one:
                started = await one.start(**of(kind))
                await speak(one, data[:cut], 1000)
                session = first.app[SESSIONS].known(started["session_id"])
                await until(lambda: session.positions["received_bytes"] == cut)
                while (await one.hear("progress"))["received_bytes"] < cut:
                    pass
                assert 0 < one.events[-1]["durable_bytes"] < cut
            async with second.connect() as other:
                resumed = await resume(other, started, one.events[-1]["seq"])
                at = resumed["received_bytes"]
                assert at == one.events[-1]["durable_bytes"]
                await speak(other, data[at:], 1000)
                await other.finish()
            assert one.finals() + other.finals() == expected


async def test_a_recorder_that_is_started_anew_in_mid_session_goes_on_in_the_same_transcript():
    async with serving() as server, server.connect() as client:
        await client.start(**of("webm_opus"))
        await speak(client, STREAMS["webm_opus"][:19_000])
        await speak(client, STREAMS["webm_opus"])  # the end of the first stream never comes
        await client.finish()
        texts = [text for _, _, _, text in client.finals()]
        assert len(texts) > 4
        assert not [event for event in client.events if event["type"] == "error"]


async def test_garbage_is_refused_says_what_to_send_and_changes_nothing():
    data = STREAMS["webm_opus"]
    async with serving() as server, server.connect() as client:
        await client.start(**of("webm_opus"))
        await client.say(b"RIFF is no WebM")
        assert "does not begin like WebM" in (await client.hear("error"))["message"]
        await client.say(STREAMS["ogg_opus"])
        assert "declare the encoding that is sent" in (await client.hear("error"))["message"]
        await client.say(b"")
        assert (await client.hear("error"))["code"] == "invalid_audio"
        await speak(client, data)
        await client.finish()
        assert len(client.finals()) == 4


async def test_packets_that_cannot_be_decoded_are_silence_and_the_people_are_told():
    data = bytearray(STREAMS["ogg_opus"])
    at = len(data) // 2
    start = data.index(b"OggS", at) + 27
    body = start + data[start - 1]
    data[body] |= 3  # the first packet of the page: one frame still, with more padding than the packet has bytes
    data[body + 1 : body + 5] = bytes((0x41, 0xFF, 0xFF, 0xFF))
    async with serving() as server, server.connect() as client:
        await client.start(**of("ogg_opus"))
        await speak(client, bytes(data))
        stopped = await client.finish()
        assert abs(stopped["audio_s"] - SAMPLES / 48_000) < 0.2
        (notice,) = (event for event in client.events if event["type"] == "notice" and event["code"] == "audio_suspect")
        assert notice["message"] == DAMAGED


async def test_the_decoder_of_a_session_that_is_killed_is_begun_again():
    data = STREAMS["webm_opus"]
    async with serving() as server, server.connect() as client:
        await client.start(**of("webm_opus"))
        await speak(client, data[:12_000])
        await client.hear("progress")
        decoding = server.app[SESSIONS].decoding
        decoding._end()
        await speak(client, data[12_000:])
        stopped = await client.finish()
        assert abs(stopped["audio_s"] - SAMPLES / 48_000) < 0.05
        notices = [event["message"] for event in client.events if event["type"] == "notice"]
        assert len([told for told in notices if "recorder's stream" in told]) == 1
        assert client.finals()[-1][1] > 7


async def test_mode_dual_with_one_channel_is_refused_before_and_after_the_head_is_known():
    async with serving() as server:
        async with server.connect() as client:
            await client.say({"type": "start_session", "consent": True, "mode": "dual", **of("webm_opus")})
            error = await client.hear("error")
            assert (error["code"], "two channels" in error["message"]) == ("invalid_audio", True)
        async with server.connect() as client:
            await client.start(mode="dual", **of("webm_opus", 2))
            await client.say(STREAMS["webm_opus"])
            assert "two channels" in (await client.hear("error"))["message"]


async def test_a_stream_of_chromium_is_decoded_as_ffmpeg_does_and_nearly_so_from_its_middle_on():
    data, decoding = (DATA / "mediarecorder.webm").read_bytes(), Decoding()
    expected = decoded(data)

    async def heard(stream: RecorderStream, at: int) -> np.ndarray:
        pcm = b""
        for frame in chunks(data[at:], 777):
            read = stream.read(frame)
            stream.count(read)
            pcm += b"".join([piece async for piece in stream.decoded(read)])
        return np.frombuffer(pcm, dtype="<i2").reshape(-1, 2)

    first = RecorderStream("webm_opus", 1, decoding, keeps=True)
    assert (await heard(first, 0) == expected).all()
    mark = 4 * 48_000
    place = first.place(mark)
    assert place["byte"] > 8_000
    second = RecorderStream("webm_opus", 1, decoding, place, mark)
    again = await heard(second, place["byte"])
    assert again.shape == expected[mark:].shape
    assert np.abs(again.astype(int) - expected[mark:]).max() < 100
    first.close()
    second.close()
    await decoding.close()


async def test_a_small_frame_of_hours_of_silence_is_refused():
    head = STREAMS["webm_opus"][: STREAMS["webm_opus"].index(b"\x1f\x43\xb6\x75")]
    packet = b"\xa3\x86\x81\0\0\x80" + b"\x1b\x02"  # two frames of 60 ms without a byte
    async with serving() as server, server.connect() as client:
        await client.start(**of("webm_opus"))
        await client.say(head + packet * 5_000)
        assert "more than 120 s" in (await client.hear("error"))["message"]
        assert (await client.finish())["audio_s"] == 0


async def test_a_key_pays_for_the_samples_of_a_stream_and_not_for_its_few_bytes(tmp_path):
    header = key(tmp_path / "keys", "clinic", bytes_per_minute=4_000_000)
    head = STREAMS["webm_opus"][: STREAMS["webm_opus"].index(b"\x1f\x43\xb6\x75")]
    packet = b"\xa3\x86\x81\0\0\x80" + b"\x1b\x02"
    async with serving(keys_file=tmp_path / "keys") as server, server.connect(headers=header) as client:
        await client.start(**of("webm_opus"))
        await client.say(head)
        for _ in range(3):
            await client.say(packet * 900)  # 108 s each, in 7 kB
        assert (await client.hear("error"))["code"] == "key_bytes"
        assert server.app[METRICS].refused.labels("key_bytes")._value.get() == 1
