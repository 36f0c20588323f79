"""Writes FLAC files."""

from pathlib import Path

import av
import numpy as np

from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE


def write_flac(path: Path, audio: Samples) -> None:
    """Writes [samples, channels] at 16 kHz as 16-bit FLAC, of one channel or two."""
    pcm = np.clip(np.round(audio * 32767), -32768, 32767).astype(np.int16)
    layout = "stereo" if pcm.shape[1] == 2 else "mono"
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout=layout, format="s16")
        stream.options = {"compression_level": "8"}
        for first in range(0, len(pcm), 4096):
            block = np.ascontiguousarray(pcm[first : first + 4096]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout=layout)
            frame.sample_rate, frame.pts = SAMPLE_RATE, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
