"""Speech that is hard to cut or to hear: nothing of it is lost without a trace, and nothing is said twice.

The engines are real; the audio is made here from the sample recordings.
"""

import asyncio
import json
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

import numpy as np

from inference.audio.vad_state import VadState
from inference.config import EngineConfig, SegmenterConfig
from inference.pipeline import Pipeline
from inference.stream import Control, StreamOptions
from inference.timing import Timings
from inference.updates import Fault, TranscriptUpdate
from tests.inference.test_end_to_end import words
from tests.support.speech import chunks, pcm

UTTERANCES = json.loads((Path(__file__).parents[1] / "data" / "consultation.json").read_text())["utterances"]
RATE = 16_000
FRAME = 512


async def heard(vad, asr, audio):
    """The finals of [samples], in order."""
    built, updates = (
        Pipeline(
            vad,
            asr,
            [],
            EngineConfig(segmenter=SegmenterConfig(partial_every_s=1e6, partial_first_s=1e6, draft_after_s=1e6)),
        ),
        [],
    )
    stream = built.open("s", StreamOptions(), updates.append)
    task = asyncio.create_task(stream.run())
    for piece in chunks(pcm(audio), 48_000):
        await stream.feed(piece, Timings())
    await stream.control(Control("stop"))
    await task
    await built.close()
    assert not [u for u in updates if isinstance(u, Fault)]
    return [u.segment for u in updates if isinstance(u, TranscriptUpdate) and u.segment.final]


def share_heard(reference, segments):
    """Of the words of the reference, those that the finals have in the same order."""
    said = [word for segment in segments for word in words(segment.text)]
    blocks = SequenceMatcher(None, words(reference), said, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(words(reference))


def twice(reference, segments, run=4):
    """Runs of words that the finals say more often than the reference."""

    def runs(every):
        return [tuple(every[i : i + run]) for i in range(len(every) - run + 1)]

    said = runs([word for segment in segments for word in words(segment.text)])
    allowed = runs(words(reference))
    return {one for one in said if said.count(one) > max(1, allowed.count(one))}


def unheard(vad, audio, segments, least_s=1.0):
    """Runs of clear speech in [samples] of at least so many seconds that lie in no final, as (from, to) in seconds."""
    ((probabilities, _),) = vad.speech_probabilities([audio], [VadState()])
    speech = np.asarray(probabilities) >= 0.5
    for segment in segments:
        speech[int(segment.start * RATE / FRAME) : int(segment.end * RATE / FRAME) + 1] = False
    edges = np.flatnonzero(np.diff(np.concatenate(([0], speech.astype(int), [0])))) * FRAME / RATE
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= least_s]


def utterances(consultation, count):
    """(audio, text) of the first utterances."""
    return [(consultation[int(u["start"] * RATE) : int(u["end"] * RATE)], u["text"]) for u in UTTERANCES[:count]]


def whispered(audio, frame=512):
    """The speech without its voice: the envelope of each spectrum stays, the phases and the harmonics are noise's."""
    rng = np.random.default_rng(0)
    hop, window = frame // 4, np.hanning(frame)
    out = np.zeros(len(audio) + frame)
    for at in range(0, len(audio) - frame, hop):
        level = np.log(np.abs(np.fft.rfft(audio[at : at + frame] * window)) + 1e-6)
        cepstrum = np.fft.irfft(level)
        cepstrum[24:-24] = 0  # finer than 1.5 ms is the pitch
        envelope = np.exp(np.fft.rfft(cepstrum).real)
        noise = np.fft.rfft(rng.standard_normal(frame) * window)
        out[at : at + frame] += np.fft.irfft(envelope * noise / (np.abs(noise).mean())) * window
    out = out[: len(audio)]
    return (out * np.abs(audio).max() / np.abs(out).max()).astype(np.float32)


def fan(samples, level):
    """Steady noise, most of it low, with the hum of the blades."""
    rng = np.random.default_rng(1)
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    noise = np.fft.irfft(spectrum, samples)
    hum = np.sin(2 * np.pi * 97 * np.arange(samples) / RATE)
    both = noise / noise.std() + 0.5 * hum
    return (level * both / both.std()).astype(np.float32)


async def test_a_minute_without_a_pause_is_cut_and_no_utterance_is_lost_or_said_twice(vad, base, consultation):
    parts = utterances(consultation, 14)
    audio = np.concatenate([part for part, _ in parts])
    text = " ".join(said for _, said in parts)
    segments = await heard(vad, base, audio)
    assert max(segment.end - segment.start for segment in segments) <= 28
    assert all(one.end <= other.start + 0.01 for one, other in pairwise(segments))
    assert unheard(vad, audio, segments) == []
    assert share_heard(text, segments) > 0.85
    assert twice(text, segments) == set()


async def test_of_two_people_at_once_one_at_least_is_heard_at_every_moment(vad, base, consultation, sentence):
    first = consultation[: 24 * RATE].copy()
    text = " ".join(u["text"] for u in UTTERANCES if u["end"] < 24)
    for at in (7 * RATE, 16 * RATE):
        first[at : at + len(sentence)] += sentence
    segments = await heard(vad, base, first)
    assert unheard(vad, first, segments) == []
    both = f"{text} i have had pain in my lower back for about two weeks but no numbness"
    assert share_heard(text, segments) > 0.6
    assert twice(f"{both} {both}", segments) == set()


async def test_a_whisper_is_in_a_final_wherever_the_voice_activity_detector_hears_it(vad, base, consultation):
    audio = np.concatenate([consultation[: 9 * RATE], whispered(consultation[9 * RATE : 20 * RATE])])
    text = " ".join(u["text"] for u in UTTERANCES if u["end"] < 20)
    segments = await heard(vad, base, audio)
    assert unheard(vad, audio, segments) == []
    assert share_heard(text, segments) > 0.85
    assert twice(text, segments) == set()


async def test_a_fan_hides_no_utterance_and_says_nothing(vad, base, consultation):
    audio = consultation[: 24 * RATE]
    level = float(np.sqrt(np.mean(audio**2))) / 10 ** (10 / 20)
    noisy = np.concatenate([fan(5 * RATE, level), audio + fan(len(audio), level), fan(5 * RATE, level)])
    text = " ".join(u["text"] for u in UTTERANCES if u["end"] < 24)
    segments = await heard(vad, base, noisy)
    assert unheard(vad, noisy, segments) == []
    assert share_heard(text, segments) > 0.85
    assert twice(text, segments) == set()
    assert [(s.start, s.end) for s in segments if s.start < 4.6 or s.end > 29.7] == []  # with lead-in and tail


async def test_a_radio_in_the_background_that_never_pauses_hides_no_utterance(vad, base, consultation, sentence):
    audio = consultation[: 24 * RATE]
    radio = np.resize(sentence[8_000:-9_600], len(audio))
    audio = audio + radio * 10 ** (-15 / 20) * float(audio.std() / radio.std())
    text = " ".join(u["text"] for u in UTTERANCES if u["end"] < 24)
    segments = await heard(vad, base, audio)
    assert unheard(vad, audio, segments) == []
    assert share_heard(text, segments) > 0.7
    assert (
        twice(f"{text} {'i have had pain in my lower back for about two weeks but no numbness ' * 6}", segments)
        == set()
    )
