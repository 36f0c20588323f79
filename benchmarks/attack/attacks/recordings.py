"""Recordings that cost their reader more than their sender, or that end where they should not."""

import io
import wave
from functools import cache

import av
import numpy as np

BLOCK = 65_535
"""Samples of a frame of FLAC, the most that its header can say and FFmpeg takes."""

CONTAINERS = {"wav": "pcm_s16le", "flac": "flac", "ogg": "libopus", "webm": "libopus", "mp4": "aac", "mp3": "mp3"}
RATE = 16_000


def silence(seconds: float, rate: int = 8_000, told: bool = True) -> bytes:
    """FLAC of so many seconds in 15 bytes for every eight of them; `told` says whether the header has the length."""
    frames = max(1, round(seconds * rate / BLOCK))
    block, total = BLOCK.to_bytes(2, "big"), frames * BLOCK if told else 0
    shape = (rate << 44 | 15 << 36 | total).to_bytes(8, "big")  # one channel, 16 bits
    head = b"fLaC\x80\x00\x00\x22" + block + block + bytes(6) + shape + bytes(16)
    return head + b"".join(map(_silent_frame, range(frames)))


def _silent_frame(number: int) -> bytes:
    head = b"\xff\xf8\x70\x08" + chr(number).encode("utf-8", "surrogatepass") + (BLOCK - 1).to_bytes(2, "big")
    head += _remainder(head, 0x07, 8)
    frame = head + bytes(3)  # one subframe: constant, and its value
    return frame + _remainder(frame, 0x8005, 16)


def _remainder(data: bytes, polynomial: int, bits: int) -> bytes:
    """The checksum that FLAC puts behind a header (8 bits) and a frame (16)."""
    found, table, mask = 0, _table(polynomial, bits), (1 << bits) - 1
    for byte in data:
        found = (found << 8 ^ table[found >> (bits - 8) ^ byte]) & mask
    return found.to_bytes(bits // 8, "big")


@cache
def _table(polynomial: int, bits: int) -> list[int]:
    """What each byte leaves behind."""
    found = []
    for byte in range(256):
        left = byte << (bits - 8)
        for _ in range(8):
            left = left << 1 ^ polynomial if left >> (bits - 1) & 1 else left << 1
        found.append(left & (1 << bits) - 1)
    return found


def spoken(seconds: float) -> bytes:
    """WAV of as many loud and quiet seconds: something to decode."""
    samples = 0.3 * np.sin(np.arange(int(seconds * RATE)) * 0.3) * (np.arange(int(seconds * RATE)) // RATE % 4 < 3)
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, RATE, 0, "NONE", ""))
        written.writeframes((samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


def truncated() -> dict[str, bytes]:
    """A second of noise in each container, cut off in its header, after it, in the middle and before its last byte."""
    found = {}
    for name, codec in CONTAINERS.items():
        whole = encoded_noise(name, codec)
        for share in (0.02, 0.2, 0.5, 0.97):
            found[f"{name} at {share:.0%}"] = whole[: int(len(whole) * share)]
    return found


def encoded_noise(name: str, codec: str, seconds: int = 1) -> bytes:
    """Noise at 48 kHz in the container `name`."""
    samples = (np.random.default_rng(0).standard_normal((1, seconds * 48_000)) * 3000).astype("<i2")
    file = io.BytesIO()
    with av.open(file, "w", format=name) as container:
        stream = container.add_stream(codec, rate=48_000)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 48_000
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=48_000, frame_size=960)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return file.getvalue()
