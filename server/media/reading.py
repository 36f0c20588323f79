"""Compressed audio -> s16le PCM. The only import of PyAV. A server runs it in a process of its own (worker.py)."""

import wave
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO
from itertools import chain
from pkgutil import walk_packages
from typing import Any

import av
import numpy as np

from inference.audio.containers import Head, Packet
from inference.audio.decoding import AudioError, AudioFormat, PcmDecoder, Samples
from inference.config import SAMPLE_RATE

FORMATS = "wav,w64,mp3,flac,ogg,matroska,webm,mov,mp4,m4a,3gp,aac,aiff,caf,au,amr,mpeg"
"""What a stranger may send. Other readers of FFmpeg follow addresses in what they read (playlists) or open files."""


class OneChannel(AudioError):
    """The file has one channel, and two were asked for."""


class TooLong(AudioError):
    """The file says that it is longer than what was asked for."""


def read_pcm(
    source: Any, channels: int, name: str, *, most_s: float | None = None, formats: str | None = None
) -> Iterator[bytes]:
    """s16le at 16 kHz of a path or an open file; one channel is mixed from all, two stay apart.

    `name` begins every error. `formats` names the readers that may be used, by default all. A file that says that it is
    longer than `most_s` is not read. Raises AudioError.
    """
    options = {"format_whitelist": formats} if formats else {}
    # Bytes of a title or an encoder's name that are no UTF-8 must not cost the audio.
    with _faults_named(name), av.open(source, metadata_errors="replace", options=options) as container:
        if not container.streams.audio:
            raise AudioError(f"{name} has no audio in it: give a recording (WAV, FLAC, MP3, M4A, Ogg, WebM ...)")
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise AudioError(f"{name} has audio of an unknown codec: convert it to WAV or FLAC first")
        if most_s is not None and (container.duration or 0) / av.time_base > most_s:
            raise TooLong(f"{name} is longer than {most_s:g} s: send it in parts")
        found = stream.codec_context.channels
        if channels > found:
            raise OneChannel(f"{name} has one channel")
        mixed = channels == 1 and found == 2
        layout = "stereo" if mixed or channels == 2 else "mono"
        decoder = PcmDecoder(AudioFormat(channels=2), 1) if mixed else None
        resampler = av.AudioResampler(format="s16", layout=layout, rate=SAMPLE_RATE)
        for frame in chain(container.decode(stream), [None]):  # None flushes the resampler
            for resampled in resampler.resample(frame):
                # A plane may be padded beyond its samples.
                pcm = bytes(resampled.planes[0])[: resampled.samples * (4 if layout == "stereo" else 2)]
                yield pcm if decoder is None else _s16le(decoder.decode(pcm)[0])


def load() -> None:
    """Imports what PyAV imports when it is needed: the process that decodes for strangers can open no file by then."""
    for module in walk_packages(av.__path__, "av."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    with BytesIO() as file:
        with wave.open(file, "wb") as silence:
            silence.setparams((2, 2, SAMPLE_RATE, 0, "NONE", ""))
            silence.writeframes(bytes(4 * SAMPLE_RATE))
        for channels in (1, 2):
            file.seek(0)
            deque(read_pcm(file, channels, "silence", formats=FORMATS), maxlen=0)
    head = b"OpusHead" + bytes((1, 1, 0, 0, 0x80, 0xBB, 0, 0, 0, 0, 0))
    OpusDecoder(Head.of(head)).decode(Packet.of(bytes((0xF8, 0xFF, 0xFE)), None))


def regrouped(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of `size`; the last one may be shorter."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


class OpusDecoder:
    """Decodes the packets of one stream in order. Each becomes as many samples as it says, whatever it holds."""

    def __init__(self, head: Head) -> None:
        self._context = av.CodecContext.create("libopus", "r")
        # Without its pre-skip, which FFmpeg would take off the first packets: whoever counts the samples does that.
        self._context.extradata = head.data[:10] + bytes(2) + head.data[12:]
        self._context.layout = "stereo" if head.channels == 2 else "mono"
        self._context.sample_rate = 48_000
        self.failed = 0
        """Packets that could not be decoded, and are silence."""

    def decode(self, packet: Packet) -> bytes:
        """s16le of two channels at 48 kHz; of a stream of one channel both are the same."""
        pcm = np.zeros((packet.samples, 2), dtype="<i2")
        at = 0
        try:
            for frame in self._context.decode(av.Packet(packet.data)):
                found = _interleaved(frame)[: packet.samples - at]
                pcm[at : at + len(found)] = found
                at += len(found)
        except Exception:
            self.failed += 1
        return pcm.tobytes()


def _interleaved(frame: Any) -> Any:
    """[samples, 1 or 2] of a frame in any of FFmpeg's formats of 16 bits or floating point."""
    found = frame.to_ndarray()
    found = found.T if frame.format.is_planar else found.reshape(-1, frame.layout.nb_channels)
    return found if found.dtype == np.int16 else (found * 32768.0).round().clip(-32768, 32767).astype(np.int16)


def _s16le(samples: Samples) -> bytes:
    return (samples * 32768.0).round().clip(-32768, 32767).astype("<i2").tobytes()


@contextmanager
def _faults_named(name: str) -> Iterator[None]:
    """Turns whatever PyAV raises into AudioError.

    Besides its own errors these are AttributeError, UnicodeError and ValueError, where FFmpeg leaves something out or
    changes it in the middle of a damaged file, and MemoryError, where a damaged header asks for more than there is.
    """
    try:
        yield
    except AudioError:
        raise
    except MemoryError as error:
        raise AudioError(
            f"{name} needs too much memory to be read: it may be damaged, convert it to WAV or FLAC"
        ) from error
    except Exception as error:
        reason = (isinstance(error, OSError) and error.strerror) or type(error).__name__
        raise AudioError(f"{name} cannot be read as audio ({reason}): give a recording of speech") from error
