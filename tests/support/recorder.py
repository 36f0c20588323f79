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


def decoded(data: bytes) -> np.ndarray:
    """[samples, channels] of int16 at 48 kHz, by FFmpeg's own reader."""
    with av.open(BytesIO(data)) as container:
        channels = container.streams.audio[0].codec_context.channels
        context = av.CodecContext.create("libopus", "r")
        context.extradata = container.streams.audio[0].codec_context.extradata
        context.layout = "stereo" if channels == 2 else "mono"
        skip = int.from_bytes(context.extradata[10:12], "little")
        frames = [frame for packet in container.demux(audio=0) if packet.size for frame in context.decode(packet)]
    blocks = [np.asarray(frame.to_ndarray()).reshape(-1, channels) for frame in frames]
    found = np.concatenate(blocks)
    if found.dtype != np.int16:
        found = (found * 32768).round().clip(-32768, 32767).astype(np.int16)
    return found if len(found) == 0 else found[skip if frames[0].samples * len(frames) == len(found) else 0 :]
