"""Speech for the tests, read from FLAC and cut as a client would send it."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from inference.audio.decoding import Samples


def load_flac(path: Path) -> Samples:
    """[channels, samples] in [-1, 1) of a 16 kHz file."""
    with av.open(str(path)) as container:
        layout = container.streams.audio[0].layout.name
        resampler = av.AudioResampler("fltp", layout, 16_000)
        blocks = [out.to_ndarray() for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate(blocks, axis=1).astype(np.float32)


def pcm(samples: Samples) -> bytes:
    """s16le bytes of [samples], or of [channels, samples] interleaved."""
    return (np.clip(samples.T, -1, 1) * 32767).astype("<i2").tobytes()


def chunks(data: bytes, chunk_bytes: int) -> Iterator[bytes]:
    for at in range(0, len(data), chunk_bytes):
        yield data[at : at + chunk_bytes]
