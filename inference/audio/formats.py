"""Signs that the bytes of a stream are no signed 16-bit little-endian PCM of the declared channels. Pure.

Whoever sends another format makes noise of it, in which nothing is recognised and nothing fails. Each sign here is a
property of the bytes that no sound has, however loud, noisy or narrow it is; docs/decisions.md has what was measured.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inference.audio.decoding import AudioFormat

Cause = Literal["file", "bytes", "float", "big_endian", "channels", "compressed", "clipping"]

Pcm = NDArray[np.int16]
Frames = NDArray[np.float32]
"""[frames, samples]."""

FRAME_S = 0.02
FORGET_S = 10.0
"""Counts are halved this often, so that what happens later in a session is noticed as soon as at its start."""

SEEN_S = 1.0
CLIPPED_S = 4.0
"""Seconds of frames that show a sign before it is told. Clipping takes longer: people shout, and formats come first."""

SETTLED_S = 20.0
"""Seconds of loud frames after which the format is known to be right: it does not change within a session. Looking
costs 4 ms for each second of audio; after that clipping alone is looked for, which costs next to nothing."""

LOUD = 100.0
"""RMS in steps of 16 bits, -50 dB. Below it, a frame tells nothing of its format."""

TELLING = 256
"""A sample from here on uses both of its bytes."""

RAIL = 32_440
CLIP_RUN = 3
CLIPPED = 0.05
"""Samples at full scale in a row that are clipped, and their share that makes a frame clipped. Music that is mastered
loud reaches full scale for single samples."""

SHARE: dict[Cause, float] = {
    "bytes": 0.3, "float": 0.8, "big_endian": 0.5, "channels": 0.5, "compressed": 0.95, "clipping": 0.3,
}  # fmt: skip
"""Of the loud frames, the share that must show a sign. Eight-bit sound shows it where somebody speaks only."""

LONGEST_TONE = 16
REPEATED = 0.002
"""Samples after which a tone repeats, and the power of what differs then, as a share of its own."""

CONTAINERS = (
    (b"RIFF", "a WAV file"), (b"RF64", "a WAV file"), (b"OggS", "an Ogg stream"), (b"fLaC", "a FLAC file"),
    (b"ID3", "an MP3 file"), (b"\x1aE\xdf\xa3", "a WebM stream"), (b"FORM", "an AIFF file"), (b"caff", "a CAF file"),
)  # fmt: skip
"""What a stream begins with that is a file. Sound begins so by an accident of one in 2**24. The two bytes that a frame
of MP3 begins with would be one in 2**16, and its bytes look compressed anyway."""

_MP4 = (4, b"ftyp")

ADVICE: dict[Cause, str] = {
    "bytes": "the sound looks like 8-bit samples: send signed 16-bit little-endian PCM",
    "float": "the sound looks like floating-point samples: convert them to signed 16-bit integers before sending",
    "big_endian": "the sound looks like big-endian samples: swap the two bytes of each sample",
    "channels": "neighbouring samples belong to different signals: it looks like two channels sent as one, or like "
    "samples of 24 or 32 bits; declare audio.channels as it is, and send 16-bit samples",
    "compressed": "the sound is full-scale noise, as compressed bytes are: send signed 16-bit little-endian PCM",
    "clipping": "the sound is far too loud and is cut off at full scale: turn the microphone's level down",
}


@dataclass(slots=True)
class FormatCheck:
    """Looks at one stream as it comes, in any chunks. `push` returns what is to be told now; each cause once."""

    audio: AudioFormat
    _begun: bytes = b""
    _heard_bytes: int = 0
    _frames: int = 0  # since counts were last halved
    _loud: float = 0.0
    _seen: int = 0  # loud frames since the start
    _counts: dict[Cause, float] = field(default_factory=dict)
    _told: set[Cause] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.audio.encoding != "pcm_s16le":  # a decoder puts out nothing else: only clipping is looked for
            self._seen, self._heard_bytes = math.ceil(SETTLED_S / FRAME_S), 1

    @property
    def wrong(self) -> bool:
        """Whether a sign of another format was told: what else seems wrong follows from it."""
        return bool(self._told - {"clipping"})

    def push(self, data: bytes) -> list[str]:
        """The sentences to tell after these bytes: what is wrong, and what to check."""
        told = self._container(data) if not self._heard_bytes else []
        self._heard_bytes += len(data)
        samples = round(self.audio.sample_rate * FRAME_S)
        size = samples * self.audio.frame_bytes
        heard = self._begun + data
        whole = len(heard) // size * size
        self._begun = heard[whole:]
        if whole:
            pcm = np.frombuffer(heard[:whole], dtype="<i2").reshape(-1, samples, self.audio.channels)
            told += self._judge(pcm)
        return told

    @property
    def state(self) -> dict[str, Any]:
        """The counts, and what was told; the frame that is not whole yet is left out."""
        counted = [self._heard_bytes, self._frames, self._loud, self._seen]
        return {"counted": counted, "counts": dict(self._counts), "told": sorted(self._told)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._heard_bytes, self._frames, self._loud, self._seen = state["counted"]
        self._counts, self._told = dict(state["counts"]), set(state["told"])

    def erase(self) -> None:
        """Drops the audio that is kept: the beginning of a frame."""
        self._begun = b""

    def _container(self, data: bytes) -> list[str]:
        name = next((name for magic, name in CONTAINERS if data.startswith(magic)), None)
        if name is None and data[_MP4[0] :].startswith(_MP4[1]):
            name = "an MP4 file"
        if name is None:
            return []
        self._told.add("file")
        return [f"the stream begins like {name}: decode it, and send bare samples, signed 16-bit little-endian PCM"]

    def _judge(self, pcm: Pcm) -> list[str]:
        """Counts the signs in frames [frames, samples, channels]."""
        if self._seen * FRAME_S >= SETTLED_S:
            return self._count({"clipping": _clipped(pcm)}, np.ones(len(pcm), dtype=bool))
        x = pcm.astype(np.float32)
        centred = x - x.mean(axis=1, keepdims=True)
        loud = np.sqrt((centred * centred).mean(axis=(1, 2))) >= LOUD
        self._seen += int(loud.sum())
        return self._count(_signs(pcm[loud], x[loud]), loud)

    def _count(self, signs: dict[Cause, NDArray[np.bool_]], loud: NDArray[np.bool_]) -> list[str]:
        """`loud` is about all frames in order, each of the signs about the loud ones of them."""
        told: list[str] = []
        step = max(1, round(FORGET_S / FRAME_S / 20))
        before = 0  # loud frames of the parts before
        for at in range(0, len(loud), step):
            part = loud[at : at + step]
            here = int(part.sum())
            self._frames += len(part)
            self._loud += here
            for cause, found in signs.items():
                self._counts[cause] = self._counts.get(cause, 0.0) + float(found[before : before + here].sum())
            before += here
            told += self._due()
            if self._frames >= FORGET_S / FRAME_S:
                self._frames = 0
                self._loud /= 2
                self._counts = {cause: count / 2 for cause, count in self._counts.items()}
        return told

    def _due(self) -> list[str]:
        if self.wrong:
            return []
        for cause, share in SHARE.items():
            seen_s = CLIPPED_S if cause == "clipping" else SEEN_S
            count = self._counts.get(cause, 0.0)
            if cause not in self._told and count * FRAME_S >= seen_s and count >= share * self._loud:
                self._told.add(cause)
                return [ADVICE[cause]]
        return []


def _signs(pcm: Pcm, x: Frames) -> dict[Cause, NDArray[np.bool_]]:
    """What frames [frames, samples, channels] look like; `x` holds their samples as floats."""
    if not len(pcm):
        return {}
    tone = _repeats(pcm)
    signs: dict[Cause, NDArray[np.bool_]] = {
        "bytes": _bytes(pcm),
        "float": _float(pcm) | _float(pcm.byteswap()),
        "big_endian": _big_endian(pcm, x),
        "channels": _alternating(x),
        "compressed": _white(x),
    }
    return {cause: found & ~tone for cause, found in signs.items()} | {"clipping": _clipped(pcm)}


def _correlation(a: Frames, b: Frames) -> Frames:
    """Of rows of a and b [..., samples]; 0 where one of them is constant."""
    a, b = a - a.mean(axis=-1, keepdims=True), b - b.mean(axis=-1, keepdims=True)
    norm = np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    found: Frames = np.divide((a * b).sum(axis=-1), norm, out=np.zeros_like(norm), where=norm > 0)
    return found


def _smoothness(x: Frames) -> Frames:
    """Correlation of each sample with the next one, [frames, samples, channels] -> [frames, channels]."""
    return _correlation(np.moveaxis(x[:, :-1], 1, 2), np.moveaxis(x[:, 1:], 1, 2))


def _bytes(pcm: Pcm) -> NDArray[np.bool_]:
    """The two bytes of a sample are neighbours in time: they go up and down together."""
    flat = pcm.reshape(len(pcm), -1)
    low, high = (flat & 0xFF).astype(np.float32), ((flat >> 8) & 0xFF).astype(np.float32)
    together = _correlation(low, high)
    signed = _correlation((low + 128) % 256, (high + 128) % 256)
    telling = (np.abs(flat.astype(np.int32)) >= TELLING).mean(axis=1) > 0.8
    found: NDArray[np.bool_] = telling & (np.maximum(together, signed) > 0.5)
    return found


def _repeats(pcm: Pcm) -> NDArray[np.bool_]:
    """A tone that repeats after a few samples, such as 4 kHz at 16 kHz: so few values show any sign by accident."""
    x = pcm.astype(np.float32)
    power = x.var(axis=1)  # [frames, channels]
    found: NDArray[np.bool_] = np.zeros(power.shape, dtype=bool)
    for period in range(2, LONGEST_TONE + 1):
        found |= np.asarray(((x[:, period:] - x[:, :-period]) ** 2).mean(axis=1) < REPEATED * power)
    return np.asarray(found.all(axis=1))


def _float(pcm: Pcm) -> NDArray[np.bool_]:
    """The upper halves of floats hold sign and exponent: few values, in every second or fourth sample."""
    flat = pcm.reshape(len(pcm), -1)
    exponent = (flat >> 8) & 0x7F
    like = (exponent >= 0x33) & (exponent <= 0x47)
    found = np.zeros(len(pcm), dtype=bool)
    for period in (2, 4):
        usable = flat.shape[1] // period * period
        shares, used = [], []
        for phase in range(period):
            nonzero = flat[:, phase:usable:period] != 0
            count = nonzero.sum(axis=1)
            shares.append((like[:, phase:usable:period] & nonzero).sum(axis=1) / np.maximum(count, 1))
            used.append(count >= usable // period // 2)
        share, enough = np.stack(shares), np.stack(used)
        best = share.argmax(axis=0)
        rows = np.arange(len(pcm))
        others = (share.sum(axis=0) - share[best, rows]) / (period - 1)
        found |= (share[best, rows] > 0.9) & enough[best, rows] & (others < 0.5)
    return found


def _big_endian(pcm: Pcm, x: Frames) -> NDArray[np.bool_]:
    """Noise as it stands, and smooth with its bytes swapped; or, where it is quiet, in steps of 256."""
    rough = (_smoothness(x) < 0.3).all(axis=1) & (_smoothness(pcm.byteswap().astype(np.float32)) > 0.6).all(axis=1)
    low, high = pcm & 0xFF, (pcm >> 8) & 0xFF
    extended = (low == np.where(high >= 0x80, 0xFF, 0)).mean(axis=(1, 2)) > 0.98
    negative = ((pcm < 0) & (low == 0xFF)).mean(axis=(1, 2)) > 0.1
    found: NDArray[np.bool_] = rough | (extended & negative)
    return found


def _alternating(x: Frames) -> NDArray[np.bool_]:
    """Samples of one channel take turns between signals: unlike in level or smoothness, or equal in pairs."""
    found = np.zeros(len(x), dtype=bool)
    for period in (2, 3):
        usable = x.shape[1] // period * period
        turns = [x[:, phase:usable:period] for phase in range(period)]  # each [frames, samples / period, channels]
        power = np.stack([turn.var(axis=1) for turn in turns])  # [period, frames, channels]
        smooth = np.stack([_smoothness(turn) for turn in turns])
        loud = power.max(axis=0) > LOUD * LOUD
        # Smooth, or a pure tone at a quarter of the rate would do, which every second sample misses.
        at_loudest = np.take_along_axis(smooth, power.argmax(axis=0)[None], 0)[0]
        unlike = (power.max(axis=0) > 4 * power.min(axis=0)) & (at_loudest > 0.3)
        unlike |= smooth.max(axis=0) - smooth.min(axis=0) > 0.5
        if period == 2:
            even, odd = turns
            within = ((odd - even) ** 2).sum(axis=1)
            between = ((even[:, 1:] - odd[:, :-1]) ** 2).sum(axis=1)
            unlike |= 20 * np.minimum(within, between) < np.maximum(within, between)
        found |= (unlike & loud).any(axis=1)
    return found


def _white(x: Frames) -> NDArray[np.bool_]:
    """Uniform over all values, each sample independent of the one before."""
    level = x.std(axis=(1, 2)) / 32768
    found: NDArray[np.bool_] = (np.abs(level - 0.577) < 0.06) & (np.abs(_smoothness(x)) < 0.25).all(axis=1)
    return found


def _clipped(pcm: Pcm) -> NDArray[np.bool_]:
    if pcm.max() < RAIL and pcm.min() > -RAIL:
        return np.zeros(len(pcm), dtype=bool)
    clipped = np.zeros(pcm.shape, dtype=bool)
    for at_rail in (pcm >= RAIL, pcm <= -RAIL):
        run = at_rail[:, : -CLIP_RUN + 1].copy()
        for later in range(1, CLIP_RUN):
            run &= at_rail[:, later : pcm.shape[1] - CLIP_RUN + 1 + later]
        for later in range(CLIP_RUN):
            clipped[:, later : later + run.shape[1]] |= run
    found: NDArray[np.bool_] = clipped.mean(axis=1).max(axis=1) > CLIPPED
    return found
