"""Whatever a file holds, reading it gives audio, or an AudioError that names the file and says what to do."""

import io
import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from inference.audio.decoding import AudioError
from server.cli.audiofile import read_chunks

SENTENCE = Path(__file__).parents[2] / "data" / "sentence.flac"
MUTATIONS = 320
ENCODINGS = {
    "wav": "pcm_s16le",
    "flac": "flac",
    "ogg": "libopus",
    "mp3": "libmp3lame",
    "ipod": "aac",
    "webm": "libopus",
}


def encoded(container, codec, pcm):
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=48_000 if codec == "libopus" else 16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = 16_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    return out.getvalue()


def video_without_audio():
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        stream = file.add_stream("mpeg4", rate=Fraction(5))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), dtype=np.uint8), format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    return out.getvalue()


def mutated(rng, whole):
    data = bytearray(whole)
    at = rng.randrange(min(400, len(data)))  # headers break more than samples do
    match rng.randrange(7):
        case 0:
            for _ in range(rng.choice((1, 5, 50))):
                data[rng.randrange(len(data))] = rng.randrange(256)
        case 1:
            for _ in range(rng.choice((1, 4, 16))):
                data[rng.randrange(min(400, len(data)))] = rng.randrange(256)
        case 2:
            del data[rng.randrange(len(data)) :]
        case 3:
            data[at : at + rng.randrange(500)] = bytes(rng.randrange(500))
        case 4:
            data[at:at] = data[: rng.randrange(2000)]
        case 5:
            data[at : at + 8] = b"\xff\xfe\x80\xc3(\xa0\xa1\xf0"  # no UTF-8, as in a damaged title
        case 6:
            return rng.randbytes(rng.randrange(300))
    return bytes(data)


@pytest.fixture(scope="module")
def files():
    pcm = np.frombuffer(b"".join(read_chunks(SENTENCE, 1, 1.0)), dtype="<i2")[:16_000]
    return {container: encoded(container, codec, pcm) for container, codec in ENCODINGS.items()}


def outcome(path, channels=1):
    """The seconds that were read, or what the error says."""
    try:
        return sum(map(len, read_chunks(path, channels, 3.0))) / (32_000 * channels)
    except AudioError as error:
        return str(error)


def test_every_format_that_is_not_damaged_is_read_to_its_end(files, tmp_path):
    for container, data in files.items():
        path = tmp_path / container
        path.write_bytes(data)
        assert outcome(path) == pytest.approx(1.0, abs=0.1), container


def test_a_damaged_file_is_audio_or_an_error_that_names_it_and_says_what_to_do(files, tmp_path):
    rng = random.Random(13)
    path = tmp_path / "damaged"
    read = refused = 0
    for number in range(MUTATIONS):
        path.write_bytes(mutated(rng, files[rng.choice(list(files))]))
        result = outcome(path, rng.choice((1, 1, 2)))
        if isinstance(result, str):
            refused += 1
            assert str(path) in result, number
            assert any(remedy in result for remedy in ("give a recording", "use --mode ambient", "convert it")), number
        else:
            read += 1
    assert read > 50
    assert refused > 50


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cannot be read as audio"),
        (b"The patient says that it hurts.\n" * 9, "cannot be read as audio"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "cannot be read as audio"),
        (None, "has no audio in it"),
    ],
    ids=["empty", "text", "half a header", "video alone"],
)
def test_a_file_without_audio_says_so(content, says, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(video_without_audio() if content is None else content)
    assert says in outcome(path)


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    assert "cannot be read as audio" in outcome(tmp_path)
    assert "cannot be read as audio" in outcome(tmp_path / "absent.wav")


def test_a_title_that_is_no_utf8_costs_no_audio(files, tmp_path):
    path = tmp_path / "titled.flac"
    assert b"Lavf" in files["flac"]
    path.write_bytes(files["flac"].replace(b"Lavf", b"La\xffv"))
    assert outcome(path) == pytest.approx(1.0, abs=0.1)


def test_the_command_that_transcribes_a_damaged_file_ends_with_a_sentence_and_no_traceback(tmp_path):
    path = tmp_path / "notes.wav"
    path.write_bytes(b"\xff\xfe\x80 no audio")
    command = [sys.executable, "-m", "server", "transcribe", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode != 0
    assert "cannot be read as audio" in ended.stderr
    assert "Traceback" not in ended.stderr
