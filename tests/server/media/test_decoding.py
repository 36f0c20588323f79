"""Hostile and broken recordings cost a fork of a process, and never the server."""

import os
import signal
import socket
import wave
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest

from server.media.decoding import Bounds, Decoding, FileFault
from tests.support.fakes import speech

SENTENCE = Path(__file__).parents[2] / "data" / "sentence.flac"


@pytest.fixture
async def decoding():
    made = Decoding()
    yield made
    await made.close()


async def read(decoding: Decoding, data: bytes, channels: int = 1, most_s: float = 3600.0) -> bytes:
    with os.fdopen(os.memfd_create("recording"), "w+b") as file:
        file.write(data)
        file.seek(0)
        return b"".join([piece async for piece in decoding.read(file.fileno(), channels, most_s)])


BLOCK = 4608
"""Samples of a frame of FLAC."""


def encoded(name: str, codec: str, seconds: float, rate: int = 16_000) -> bytes:
    file = BytesIO()
    with av.open(file, "w", format=name) as made:
        stream = made.add_stream(codec, rate=rate)
        stream.layout = "mono"
        block = np.zeros((1, BLOCK), dtype="<i2")
        for number in range(int(seconds * rate / BLOCK)):
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, number * BLOCK
            for packet in stream.encode(frame):
                made.mux(packet)
        for packet in stream.encode(None):
            made.mux(packet)
    return file.getvalue()


def video() -> bytes:
    file = BytesIO()
    with av.open(file, "w", format="matroska") as made:
        stream = made.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for packet in [*stream.encode(av.VideoFrame(64, 48, "yuv420p")), *stream.encode(None)]:
            made.mux(packet)
    return file.getvalue()


def wav(data: bytes, channels: int = 1) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as made:
        made.setparams((channels, 2, 16_000, 0, "NONE", ""))
        made.writeframes(data)
    return file.getvalue()


async def test_a_recording_is_read_as_one_channel_or_as_two(decoding):
    data = speech((1.0, 0.5))
    assert await read(decoding, wav(data)) == data
    stereo = np.repeat(np.frombuffer(data, dtype="<i2"), 2).tobytes()
    assert await read(decoding, wav(stereo, 2), channels=2) == stereo
    assert len(await read(decoding, SENTENCE.read_bytes())) == 155_288


@pytest.mark.parametrize(
    ("data", "code", "advice"),
    [
        (b"garbage" * 10_000, "unreadable", "give a recording of speech"),
        (b"", "unreadable", "give a recording of speech"),
        (video(), "unreadable", "has no audio in it"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.wav\n", "unreadable", "give a recording of speech"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "unreadable", "give a recording of speech"),
    ],
    ids=["garbage", "nothing", "video alone", "a playlist", "a list of files"],
)
async def test_what_is_no_recording_is_refused_and_says_what_to_send(decoding, data, code, advice):
    with pytest.raises(FileFault, match=advice) as fault:
        await read(decoding, data)
    assert fault.value.code == code


async def test_a_recording_of_one_channel_is_refused_where_two_are_needed(decoding):
    with pytest.raises(FileFault) as fault:
        await read(decoding, SENTENCE.read_bytes(), channels=2)
    assert fault.value.code == "one_channel"


async def test_a_truncated_recording_gives_what_is_left_of_it_unless_that_is_damaged(decoding):
    whole = SENTENCE.read_bytes()
    with pytest.raises(FileFault, match="cannot be read as audio"):  # in the middle of a frame, which is damaged then
        await read(decoding, whole[: len(whole) // 2])
    assert len(await read(decoding, wav(speech((2.0, 0.5)))[:30_000])) > 25_000


async def test_hours_of_silence_in_a_small_file_are_refused_by_their_length(decoding):
    hours = encoded("matroska", "flac", 4000)
    assert 20 * len(hours) < 4000 * 32_000
    with pytest.raises(FileFault, match="longer than 600 s: send it in parts") as fault:
        await read(decoding, hours, most_s=600)
    assert fault.value.code == "too_long"


async def test_a_file_that_does_not_tell_its_length_is_read_up_to_the_limit_and_no_further(decoding):
    data = bytearray(wav(speech((30.0, 0.5))))
    data[4:8] = data[40:44] = b"\0\0\0\0"  # a header that was never finished
    with pytest.raises(FileFault, match="longer than 10 s"):
        await read(decoding, bytes(data), most_s=10)


async def test_a_recording_that_takes_too_much_memory_fails_alone():
    tight = Decoding(Bounds(memory_bytes=200 << 20))
    with pytest.raises(FileFault, match="memory") as fault:
        await read(tight, SENTENCE.read_bytes())
    assert fault.value.code == "unreadable"
    assert tight._process.poll() is None
    await tight.close()


async def test_a_fork_that_says_nothing_is_given_up():
    slow = Decoding()
    assert await read(slow, wav(b"\0\0" * 1600)) == b"\0\0" * 1600
    slow._bounds = Bounds(silent_s=0.2)
    os.kill(slow._process.pid, signal.SIGSTOP)  # it takes the file, and never forks
    with pytest.raises(FileFault, match="could not be decoded"):
        await read(slow, SENTENCE.read_bytes())
    await slow.close()


async def test_a_process_that_is_gone_is_begun_again(decoding):
    await read(decoding, SENTENCE.read_bytes())
    decoding._process.kill()
    decoding._process.wait()
    assert len(await read(decoding, SENTENCE.read_bytes())) == 155_288


async def test_a_fork_may_open_no_file_and_no_connection(decoding):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:{port}/x.ts\n#EXT-X-ENDLIST\n"
        with pytest.raises(FileFault):
            await read(decoding, playlist.encode())
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.accept()
