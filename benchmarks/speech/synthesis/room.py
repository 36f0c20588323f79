"""What a room adds to speech: echoes, noise and hum, at ratios that are known. Pure."""

import numpy as np

from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE

FRAME = 512
ACTIVE_DB = 30.0
"""Frames within so many dB of the loudest one count as speech when a ratio to noise is set."""

HARMONICS = (1, 2, 3, 5, 7)
EARLIEST_ECHO_S = 0.004


def pink_noise(samples: int, random: np.random.Generator) -> Samples:
    """Noise whose power falls by 3 dB an octave, as a quiet room's does, at an RMS of 1."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    spectrum[: max(1, 20 * samples // SAMPLE_RATE)] = 0  # below 20 Hz it would only move the zero line
    return _unit(np.fft.irfft(spectrum, samples))


def hum(samples: int, mains_hz: float, random: np.random.Generator) -> Samples:
    """A mains hum with its harmonics at random phases, at an RMS of 1."""
    time_s = np.arange(samples) / SAMPLE_RATE
    phases = random.uniform(0, 2 * np.pi, len(HARMONICS))
    waves = (np.sin(2 * np.pi * mains_hz * n * time_s + p) / n for n, p in zip(HARMONICS, phases, strict=True))
    return _unit(np.sum(list(waves), axis=0))


def at_ratio(noise: Samples, speech: Samples, ratio_db: float) -> Samples:
    """The noise at a level of which the power of the speech, where somebody speaks, is `ratio_db` above it."""
    power = active_power(speech) / 10 ** (ratio_db / 10)
    return np.asarray(noise * np.sqrt(power / np.mean(noise.astype(np.float64) ** 2)), np.float32)


def active_power(audio: Samples) -> float:
    """Mean power of the frames that hold speech. Raises ValueError for silence."""
    frames = audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    power = np.mean(frames**2, axis=1)
    if not power.any():
        raise ValueError("no ratio to silence: the speech is empty")
    return float(np.mean(power[power > power.max() / 10 ** (ACTIVE_DB / 10)]))


def echo(decay_s: float, direct_db: float, random: np.random.Generator) -> Samples:
    """A room's response: the sound itself, then noise that falls by 60 dB in `decay_s`, together `direct_db` below it.

    J. A. Moorer, About This Reverberation Business (1979): diffuse echoes are decaying noise.
    """
    time_s = np.arange(round(decay_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = random.standard_normal(time_s.size) * 10 ** (-3 * time_s / decay_s)
    tail[: round(EARLIEST_ECHO_S * SAMPLE_RATE)] = 0
    tail *= np.sqrt(10 ** (-direct_db / 10) / np.sum(tail**2))
    tail[0] = 1
    return np.asarray(tail, np.float32)


def reverberant(audio: Samples, response: Samples) -> Samples:
    """The audio as the room returns it, as long as it was."""
    size = 1 << (len(audio) + len(response) - 1).bit_length()
    whole = np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(response, size), size)
    return np.asarray(whole[: len(audio)], np.float32)


def _unit(noise: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Samples:
    return np.asarray(noise / np.sqrt(np.mean(noise**2)), np.float32)
