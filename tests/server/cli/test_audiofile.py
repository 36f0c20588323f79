import wave
from pathlib import Path
from typing import Self

import numpy as np
import pytest

from inference.audio.decoding import AudioError
from server.app import SESSIONS
from server.cli.audiofile import Playback, read_chunks
from tests.support.live import serving

SAMPLE = Path(__file__).parents[2] / "data" / "consultation.flac"


class Saboteur:
    """A view that makes the server forget every session, and drops the line, when the first final is on the screen."""

    def __init__(self, app) -> None:
        self.app = app
        self.done = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        return None

    def show(self, event, board) -> None:
        if self.done or event["type"] != "transcript" or not event["segment"]["final"]:
            return
        self.done = True
        sessions = self.app[SESSIONS]._sessions
        for session in sessions.values():
            session.attachment._peer._ws._req.transport.abort()
        sessions.clear()


async def test_what_was_transcribed_before_the_server_was_lost_is_in_the_record():
    async with serving() as server:
        playback = Playback(speed=20)
        record = await playback.run(SAMPLE, f"{server.url.replace('http', 'ws')}/ws", Saboteur(server.app))
    assert "no such session" in record["error"]
    assert record["segments"]
    assert [event["seq"] for event in record["events"]] == list(range(1, len(record["events"]) + 1))
    assert record["audio_s"] is None


async def test_a_recording_that_is_played_to_its_end_has_no_error():
    async with serving() as server:
        record = await Playback(speed=0).run(SAMPLE, f"{server.url.replace('http', 'ws')}/ws", Quiet())
    assert record["error"] is None
    assert record["events"][-1]["type"] == "session_stopped"
    assert abs(record["audio_s"] - 58.4) < 0.2


class Quiet(Saboteur):
    def __init__(self) -> None:
        self.done = True


def test_a_recording_whose_channels_cancel_each_other_is_not_silent(tmp_path):
    tone = (9_000 * np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000)).astype("<i2")
    with wave.open(str(tmp_path / "inverted.wav"), "wb") as file:
        file.setparams((2, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.stack([tone, -tone], axis=1).tobytes())
    heard = np.frombuffer(b"".join(read_chunks(tmp_path / "inverted.wav", 1, 0.5)), "<i2")
    assert len(heard) == len(tone)
    assert np.abs(heard[800:].astype(int) - tone[800:]).max() <= 1


def test_a_header_that_asks_for_too_much_memory_is_refused_and_says_what_to_do(tmp_path):
    with wave.open(str(tmp_path / "damaged.wav"), "wb") as file:
        file.setparams((1, 2, 2_130_754_432, 0, "NONE", ""))  # the filter of FFmpeg's resampler would not fit in memory
        file.writeframes(bytes(64_000))
    with pytest.raises(AudioError, match=r"damaged\.wav needs too much memory .* convert it to WAV or FLAC"):
        read_chunks(tmp_path / "damaged.wav", 1, 3.0)
