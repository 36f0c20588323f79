"""Speaks consultations with synthetic voices in noisy rooms: a corpus to judge by, in two halves that share no text.

    python -m benchmarks.speech.synthesis --texts FILE --voices DIR --output DIR [--consultations 24]
        [--seed 1] [--jobs 2]

FILE is a .jsonl of {"id", "turns": [{"speaker", "text"}]}. OUTPUT/tune is for choosing settings, OUTPUT/held-out for
stating what they reach. Each holds NAME.flac (16 kHz; left the doctor, right the patient; their mean is what a room
microphone hears) and NAME.json with every phrase, its times, and the conditions; benchmarks.speech.accuracy reads it.
OUTPUT/index.json tells the conditions of all. A consultation that is there already is not spoken again.

Voices: five packages (flite, espeak-ng and festival of Debian; in DIR what pip and npm have of Piper and Kokoro). Where
one is missing the error says what to install. Each consultation has two voices of different packages, levels, a room
noise and perhaps a mains hum at known ratios to the speech of the mean channel, and echoes. All of it follows from the
seed; the same installed voices and seed give the same bytes. The last line is JSON.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.result import deliver
from benchmarks.speech.synthesis import room, scene, voices
from benchmarks.speech.synthesis.flac import write_flac
from benchmarks.speech.synthesis.texts import Speaker, Turn, consultations
from benchmarks.speech.synthesis.voices import SPEECH_RMS, Voice
from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE

HALVES = ("tune", "held-out")

VOICES = (
    "piper:joe",
    "kokoro:af_heart",
    "flite:slt",
    "festival:ked_diphone",
    "kokoro:bm_george",
    "espeak-ng:en-us",
    "flite:rms",
    "festival:cmu_us_slt_arctic_hts",
    "kokoro:bf_emma",
    "flite:awb",
    "piper:joe",
    "kokoro:am_michael",
    "espeak-ng:en-gb-x-rp+f3",
)
"""Each is heard with a word error rate below 0.2 in a quiet room (Whisper base); Piper's stands twice for its speed."""

RATES = (0.9, 1.0, 1.1)
LENGTH_S = (200.0, 330.0)
LEVELS_DB = (-34.0, -20.0)
NOISE_DB = (35.0, 25.0, 20.0, 15.0)
HUM_DB = (None, 35.0, 25.0)
MAINS_HZ = (50.0, 60.0)
DECAY_S = (0.15, 0.5)
DIRECT_DB = (3.0, 12.0)
END_S = 1.0


@dataclass(frozen=True, slots=True)
class Speech:
    """How one person sounds: the voice, its level in dB below full scale, the echoes of where he sits."""

    voice: str
    rate: float
    level_db: float
    decay_s: float
    direct_db: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a consultation is made of."""

    name: str
    half: str
    source: str
    seed: int
    seconds: float
    doctor: Speech
    patient: Speech
    noise_snr_db: float
    hum_snr_db: float | None
    hum_hz: float
    turns: list[Turn] = field(repr=False)

    def conditions(self) -> dict[str, Any]:
        told = asdict(self)
        del told["turns"]
        return told


Load = Callable[[Voice, Path, int], voices.Say]


def plans(texts: dict[str, list[Turn]], count: int, seed: int, cast: Sequence[str] = VOICES) -> list[Plan]:
    """`count` consultations, every second one held apart. Raises SystemExit where there are too few texts."""
    if count > len(texts):
        raise SystemExit(f"{count} consultations are wanted, and the texts are {len(texts)}: lower --consultations")
    random = np.random.default_rng(seed)
    chosen = random.permutation(sorted(texts))[:count]
    found = []
    for number, source in enumerate(chosen):
        doctor, patient = _pair(cast, number)
        found.append(
            Plan(
                name=f"spoken{number + 1:02}",
                half=HALVES[number % 2],
                source=str(source),
                seed=int(random.integers(2**31)),
                seconds=round(float(random.uniform(*LENGTH_S)), 1),
                doctor=_speech(doctor, random),
                patient=_speech(patient, random),
                noise_snr_db=float(random.choice(NOISE_DB)),
                hum_snr_db=HUM_DB[int(random.integers(len(HUM_DB)))],
                hum_hz=float(random.choice(MAINS_HZ)),
                turns=texts[str(source)],
            )
        )
    return found


def spoken(plan: Plan, folder: Path, load: Load = voices.load) -> tuple[Samples, list[scene.Utterance]]:
    """The recording [samples, 2] and who says what when. `folder` holds the packages of neural voices."""
    random = np.random.default_rng(plan.seed)
    people: dict[Speaker, Speech] = {"doctor": plan.doctor, "patient": plan.patient}
    says = {
        who: load(Voice(speech.voice, speech.rate), folder, plan.seed + number)
        for number, (who, speech) in enumerate(people.items())
    }
    utterances = scene.played(plan.turns, lambda who, text: says[who](text), plan.seconds, random)
    samples = max(one.end for one in utterances) + round(END_S * SAMPLE_RATE)
    sides = []
    for who, speech in people.items():
        dry = scene.channel(utterances, who, samples)
        wet = room.reverberant(dry, room.echo(speech.decay_s, speech.direct_db, random))
        sides.append(wet * 10 ** (speech.level_db / 20) / SPEECH_RMS)
    stereo = np.stack(sides, axis=1).astype(np.float32)
    ambient = stereo.mean(axis=1)
    noises = [room.at_ratio(room.pink_noise(samples, random), ambient, plan.noise_snr_db)]
    if plan.hum_snr_db is not None:
        noises.append(room.at_ratio(room.hum(samples, plan.hum_hz, random), ambient, plan.hum_snr_db))
    stereo += np.sum(noises, axis=0)[:, None]  # the same at both microphones, so that the mean has it whole
    return stereo / max(1.0, float(np.abs(stereo).max())), utterances


def written(plan: Plan, folder: Path, output: Path, load: Load = voices.load) -> dict[str, Any]:
    """Speaks a consultation into its half, unless it is there; returns its line of the index."""
    reference = output / plan.half / f"{plan.name}.json"
    if reference.exists():
        return dict(json.loads(reference.read_text())["conditions"])
    stereo, utterances = spoken(plan, folder, load)
    reference.parent.mkdir(parents=True, exist_ok=True)
    write_flac(reference.with_suffix(".flac"), stereo)
    told = plan.conditions() | {
        "seconds": round(len(stereo) / SAMPLE_RATE, 2),
        "words": sum(len(one.text.split()) for one in utterances),
        "overlap_s": round(scene.overlap_s(utterances), 2),
    }
    lines = [
        {
            "start": round(one.start / SAMPLE_RATE, 2),
            "end": round(one.end / SAMPLE_RATE, 2),
            "speaker": one.speaker,
            "text": one.text,
        }
        for one in utterances
    ]
    whole = {"source": plan.source, "duration": told["seconds"], "conditions": told, "utterances": lines}
    reference.write_text(json.dumps(whole, indent=1) + "\n")  # last: what has it is complete
    return told


def _pair(cast: Sequence[str], number: int) -> tuple[str, str]:
    """The voices take turns; the second is of another engine."""
    doctor = cast[number % len(cast)]
    others = [voice for voice in cast if voice.partition(":")[0] != doctor.partition(":")[0]]
    return doctor, others[(5 * number + number // len(cast)) % len(others)]


def _speech(voice: str, random: np.random.Generator) -> Speech:
    level_db, decay_s, direct_db = (round(float(random.uniform(*of)), 2) for of in (LEVELS_DB, DECAY_S, DIRECT_DB))
    return Speech(voice, float(random.choice(RATES)), level_db, decay_s, direct_db)


def _told(lines: Iterable[dict[str, Any]], output: Path, seed: int) -> dict[str, Any]:
    index = sorted(lines, key=lambda line: line["name"])
    (output / "index.json").write_text(json.dumps({"seed": seed, "consultations": index}, indent=1) + "\n")
    used = {line[who]["voice"] for line in index for who in ("doctor", "patient")}
    minutes = {half: round(sum(i["seconds"] for i in index if i["half"] == half) / 60, 1) for half in HALVES}
    return {"consultations": len(index), "minutes": minutes, "voices": sorted(used), "seed": seed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True, help="folder with the packages of Piper's and Kokoro's")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--consultations", type=int, default=24)
    parser.add_argument("--leave-out", nargs="*", default=[], help="ids of texts that are not to be spoken")
    parser.add_argument("--cast", nargs="+", default=list(VOICES), metavar="ENGINE:VOICE")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="consultations spoken at once, one core each")
    args = parser.parse_args()
    texts = {name: turns for name, turns in consultations(args.texts).items() if name not in args.leave_out}
    todo = sorted(plans(texts, args.consultations, args.seed, args.cast), key=lambda plan: HALVES.index(plan.half))
    for voice in sorted(set(args.cast)):  # one that is missing is told now, and not after an hour
        voices.load(Voice(voice), args.voices, args.seed)("Good morning.")
    with ProcessPoolExecutor(args.jobs) as pool:
        lines = []
        for line in pool.map(written, todo, [args.voices] * len(todo), [args.output] * len(todo)):
            print(f"{line['half']}/{line['name']}: {line['seconds']} s, {line['words']} words", flush=True)
            lines.append(line)
    deliver(_told(lines, args.output, args.seed), args.output / "result.json")
