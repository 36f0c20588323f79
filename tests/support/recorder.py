"""Streams as a MediaRecorder makes them, and what FFmpeg itself decodes them to."""

from io import BytesIO

import av
import numpy as np


def recorded(pcm: bytes, container: str = "webm_opus", channels: int = 1, rate: int = 16_000) -> bytes:
    """s16le as a live stream of Opus: clusters and segments of unknown size in WebM, short pages in Ogg."""
    file, name = BytesIO(), container.removesuffix("_opus")
    options = {"live": "1", "cluster_time_limit": "500"} if name == "webm" else {"page_duration": "200000"}
    with av.open(file, "w", format=name, options=options) as made:
        stream = made.add_stream("libopus", rate=48_000)
        stream.layout = "stereo" if channels == 2 else "mono"
        stream.bit_rate = 64_000 * channels
        resampler = av.AudioResampler("s16", stream.layout, 48_000)
        samples = np.frombuffer(pcm, dtype="<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=stream.layout.name)
        frame.sample_rate = rate
        for resampled in [*resampler.resample(frame), *resampler.resample(None)]:
            for packet in stream.encode(resampled):
                made.mux(packet)
        for packet in stream.encode(None):
            made.mux(packet)
    return file.getvalue()


def tone(*parts: tuple[float, float]) -> bytes:
    """s16le of (seconds, loudness) parts at 16 kHz. Opus takes a constant value, as of `fakes.speech`, for silence."""
    levels = np.concatenate([np.full(round(seconds * 16_000), level) for seconds, level in parts])
    return (levels * np.sin(np.arange(len(levels)) * 2 * np.pi * 220 / 16_000) * 32767).astype("<i2").tobytes()


def decoded(data: bytes) -> np.ndarray:
    """[samples, channels] of int16 at 48 kHz, read by FFmpeg, which leaves out what is to be skipped."""
    with av.open(BytesIO(data)) as container:
        known = container.streams.audio[0].codec_context
        context = av.CodecContext.create("libopus", "r")
        context.extradata, context.layout = known.extradata, known.layout
        packets = [av.Packet(bytes(packet)) for packet in container.demux(audio=0) if packet.size]
        channels = known.layout.nb_channels
    frames = [frame for packet in packets for frame in context.decode(packet)]
    return np.concatenate([frame.to_ndarray().reshape(-1, channels) for frame in frames])
