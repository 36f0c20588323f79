"""Every voice by its name, `ENGINE:VOICE`: a sentence in, samples at 16 kHz of a common loudness out."""

import importlib
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speech.synthesis import neural
from benchmarks.speech.synthesis.programs import VoiceMissing, read_wave, resampled, run
from inference.audio.decoding import Samples

SPEECH_RMS = 10 ** (-26 / 20)
FLOOR = 0.02
"""Share of a take's peak below which its ends count as silence."""

Say = Callable[[str], Samples]


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice, and its rate against the engine's own (above 1: quicker)."""

    name: str
    rate: float = 1.0


def load(voice: Voice, folder: Path, seed: int) -> Say:
    """Makes the voice ready. `folder` holds the packages of neural voices. Raises VoiceMissing where one is absent.

    The same seed and the same sentences in the same order give the same samples.
    """
    engine, _, name = voice.name.partition(":")
    if engine in ("piper", "kokoro"):
        if engine == "piper":
            loaded = neural.piper(folder, seed, 1 / voice.rate)
        else:
            loaded = neural.kokoro(folder, name, seed, voice.rate)
        return lambda text: level(resampled(loaded.say(text), loaded.rate))
    if engine == "pico":
        return pico(folder, name, voice.rate)
    commands = {"flite": flite, "espeak-ng": espeak_ng, "festival": festival}
    if engine not in commands:
        raise VoiceMissing(f"no engine speaks {voice.name!r}: name one of piper, kokoro, pico, {', '.join(commands)}")
    speak = commands[engine]

    def say(text: str) -> Samples:
        with tempfile.TemporaryDirectory() as scratch:
            take = Path(scratch) / "take.wav"
            speak(name, voice.rate, text, take)
            return level(read_wave(take))

    return say


def pico(folder: Path, name: str, rate: float) -> Say:
    """SVOX Pico's voice of a language: de-DE, or de-DE/0.8 with its pitch lowered. Raises VoiceMissing."""
    if not (folder / "py_nanotts").is_dir():
        raise VoiceMissing(f"{folder} lacks SVOX Pico: pip install --no-deps --target {folder} py-nanotts")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    speaker = importlib.import_module("py_nanotts").NanoTTS()
    language, _, pitch = name.partition("/")

    def say(text: str) -> Samples:
        pcm = speaker.speak(text, language, speed=rate, pitch=float(pitch or 1))
        return level(np.frombuffer(pcm, np.int16).astype(np.float32) / 32768)

    return say


def flite(name: str, rate: float, text: str, take: Path) -> None:
    stretch = f"duration_stretch={1 / rate:.3f}"
    run(["flite", "-voice", name, "--setf", stretch, "-t", text, "-o", str(take)])


def espeak_ng(name: str, rate: float, text: str, take: Path) -> None:
    run(["espeak-ng", "-v", name, "-s", str(round(160 * rate)), "-w", str(take), "--", text])


def festival(name: str, rate: float, text: str, take: Path) -> None:
    stretch = f"(Parameter.set 'Duration_Stretch {1 / rate:.3f})"
    run(["text2wave", "-eval", f"(voice_{name})", "-eval", stretch, "-o", str(take)], text)


def level(audio: NDArray[np.floating[Any]]) -> Samples:
    """The take without silence at its ends, at the common loudness; nothing where it is silent."""
    loud = np.flatnonzero(np.abs(audio) > FLOOR * np.abs(audio).max(initial=1e-9))
    if not loud.size:
        return np.zeros(0, np.float32)
    audio = audio[loud[0] : loud[-1] + 1]
    return np.asarray(audio * (SPEECH_RMS / np.sqrt(np.mean(audio**2))), np.float32)
