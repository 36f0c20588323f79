"""Runs the commands that speak, and says what to install where one is missing."""

import subprocess
import wave
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE

PACKAGES = {
    "flite": "flite",
    "espeak-ng": "espeak-ng",
    "text2wave": "festival festvox-us-slt-hts festvox-kdlpc16k",
}


class VoiceMissing(SystemExit):
    """A voice that is not installed; the message says how to install it."""


def run(command: list[str], text: str = "") -> bytes:
    """What the command writes. Raises VoiceMissing where it is not installed, CalledProcessError where it fails."""
    try:
        return subprocess.run(command, check=True, capture_output=True, input=text.encode()).stdout
    except FileNotFoundError:
        raise VoiceMissing(f"{command[0]} is not installed: apt-get install {PACKAGES[command[0]]}") from None


def read_wave(path: Path) -> Samples:
    """A mono recording at 16 kHz, whatever its rate was."""
    with wave.open(str(path), "rb") as file:
        rate, pcm = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return resampled(pcm.astype(np.float32) / 32768, rate)


def resampled(audio: NDArray[np.floating[Any]], rate: int) -> Samples:
    return np.asarray(soxr.resample(audio, rate, SAMPLE_RATE), np.float32)
