"""Speech as clients send it that have the format wrong."""

import struct

import numpy as np

from inference.audio.decoding import Samples, resampled


def integers(samples: Samples) -> np.ndarray:
    return (np.clip(samples, -1, 1) * 32767).astype("<i2")


def wrong_formats(samples: Samples) -> dict[str, bytes]:
    """16 kHz speech [samples] as bytes of other formats, by name; sent as 16-bit mono of 16 kHz each is noise."""
    stereo = np.stack([samples, samples], axis=1)
    apart = np.stack([samples, 0.1 * np.roll(samples, 3_000)], axis=1)
    header = (
        b"RIFF" + struct.pack("<I", 1 << 20) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    )
    mu_law = np.sign(samples) * np.log1p(255 * np.abs(samples)) / np.log(256)
    return {
        "unsigned 8-bit": (samples * 127 + 128).astype("u1").tobytes(),
        "signed 8-bit": (samples * 127).astype("i1").tobytes(),
        "mu-law": (~(np.where(mu_law < 0, 0, 0x80) | (np.abs(mu_law) * 127).astype(int)) & 0xFF).astype("u1").tobytes(),
        "32-bit float": samples.astype("<f4").tobytes(),
        "32-bit float of 16-bit values": (integers(samples) / 32768).astype("<f4").tobytes(),
        "64-bit float": samples.astype("<f8").tobytes(),
        "stereo float": stereo.astype("<f4").tobytes(),
        "big-endian": samples_to(">i2", samples),
        "quiet big-endian": samples_to(">i2", samples / 50),
        "24-bit": (samples * 2.0**31).astype("<i4").view("u1").reshape(-1, 4)[:, 1:].tobytes(),
        "32-bit": (samples * 2.0**31).astype("<i4").tobytes(),
        "padded 32-bit": (integers(samples).astype("<i4") << 16).tobytes(),
        "stereo": integers(stereo).tobytes(),
        "stereo of two microphones": integers(apart).tobytes(),
        "compressed": np.random.default_rng(0).bytes(10 * 32_000),
        "a WAV file": header + b"data" + struct.pack("<I", 1 << 20) + integers(samples).tobytes(),
        "overdriven": integers(samples * 60).tobytes(),
    }


def samples_to(kind: str, samples: Samples) -> bytes:
    return integers(samples).astype(kind).tobytes()


def at_rate(samples: Samples, rate: int) -> Samples:
    """16 kHz speech as a microphone of another rate records it."""
    return resampled(samples, 16_000, rate)
