"""A stream that goes on in another process, from a checkpoint and the audio behind its mark, writes the same finals."""

import asyncio
import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from inference.audio.decoding import AudioFormat
from inference.config import SAMPLE_RATE, EngineConfig, SegmenterConfig
from inference.extraction.evidence.merging import Findings
from inference.pipeline import Pipeline
from inference.stream import Checkpoint, Control, Resumed, StreamOptions
from inference.timing import Timings
from inference.updates import ExtractionUpdate, TranscriptUpdate, Update
from server.store.journal import checkpoints
from tests.support.fakes import CountingAsr, EchoExtractor, LevelAsr, LoudnessVad, counted
from tests.support.speech import pcm

SHORT = EngineConfig(segmenter=SegmenterConfig(pause_s=0.5, short_pause_s=0.7, max_segment_s=4.0, held_s=1.0))


@dataclass
class Run:
    """What one process told: updates, and each checkpoint with the number of updates before it."""

    updates: list[Update] = field(default_factory=list)
    kept: list[tuple[int, Checkpoint]] = field(default_factory=list)

    def finals(self) -> list:
        return [u.segment for u in self.updates if isinstance(u, TranscriptUpdate) and u.segment.final]

    def operations(self) -> list:
        return [op for u in self.updates if isinstance(u, ExtractionUpdate) for op in u.operations]


async def run(
    pipeline: Pipeline,
    options: StreamOptions,
    data: bytes,
    cuts: list[int],
    controls: dict[int, str],
    resumed: Resumed | None = None,
) -> Run:
    """Feeds the audio from the mark of `resumed` on, cut at sample numbers; controls stand at sample numbers."""
    told = Run()
    stream = pipeline.open(
        "one", options, told.updates.append, lambda kept: told.kept.append((len(told.updates), kept)), resumed
    )
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(stream.run())
        await fed(stream, options, data, cuts, controls, resumed)
    return told


async def fed(stream, options, data, cuts, controls, resumed) -> None:
    at = (resumed and resumed.checkpoint and resumed.checkpoint.mark) or 0
    size = options.audio.frame_bytes
    for end in sorted({*(c for c in cuts if c > at), *(c for c in controls if c > at), len(data) // size}):
        if end > at:
            await stream.feed(data[at * size : end * size], Timings())
        at = end
        if at in controls:
            await stream.control(Control(controls[at]))
    await stream.control(Control("stop"))


def resumed_from(told: Run, number: int) -> Resumed:
    """What a store holds at a checkpoint."""
    count, checkpoint = told.kept[number]
    before = Run(told.updates[:count])
    changes = [(u.revision, False, u.operations) for u in before.updates if isinstance(u, ExtractionUpdate)]
    finals = before.finals()
    return Resumed(
        checkpoint,
        [final for final in finals if final.text],
        {final.id for final in finals},
        findings=Findings.folded(changes),
    )


def cuts(samples: int, seed: int, longest: int) -> list[int]:
    rng, found, at = random.Random(seed), [], 0
    while at < samples:
        at += rng.randint(320, longest)
        found.append(min(at, samples))
    return found


def said(track: int, seconds: float = 24.0) -> bytes:
    """Words with pauses of several lengths, and ten seconds in which nobody pauses."""
    rng, parts, total = random.Random(track), [], 0.0
    while total < seconds:
        spoken = 9.0 if 6 < total < 9 else rng.choice((0.9, 1.5, 3.0))
        parts += [(spoken, 1), (rng.choice((0.3, 0.8, 1.6)), 0)]
        total += sum(length for length, _ in parts[-2:])
    return counted([number % 250 for number in range(10_000)], *parts)


def dual() -> bytes:
    left, right = (np.frombuffer(said(track), dtype="<i2") for track in (0, 1))
    length = min(len(left), len(right))
    return np.stack([left[:length], right[:length]], axis=1).tobytes()


async def test_what_is_heard_before_a_span_is_the_same_in_a_stream_that_is_resumed():
    options, data = StreamOptions(), said(0)
    whole, rest = CountingAsr(), CountingAsr()

    async def stream(asr, resumed=None):
        pipeline = Pipeline(LoudnessVad(), asr, [], SHORT)
        told = await run(pipeline, options, data, cuts(len(data) // 2, 1, 48_000), {}, resumed)
        await pipeline.close()
        leads = [(r.lead.text, r.lead.audio.tobytes()) for r in asr.requests if r.final and r.lead is not None]
        return told, list(dict.fromkeys(leads))  # a draft and its final are one

    told, leads = await stream(whole)
    behind_a_split = [n for n, (_, kept) in enumerate(told.kept) if kept.tracks[0].seam_at is not None]
    assert len(leads) == len({kept.tracks[0].seam_at for _, kept in told.kept} - {None}) >= 1
    _, again = await stream(rest, resumed_from(told, behind_a_split[0]))
    assert again == leads


CASES = {
    "ambient": (StreamOptions(), said(0)),
    "dual": (StreamOptions(AudioFormat(channels=2), "dual"), dual()),
    "two channels in one track": (StreamOptions(AudioFormat(channels=2)), dual()),
    "another rate": (StreamOptions(AudioFormat(24_000)), said(0, 36.0)),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_stream_that_is_resumed_at_any_checkpoint_writes_the_same_finals_and_findings(name):
    options, data = CASES[name]
    samples = len(data) // options.audio.frame_bytes
    controls = (
        {}
        if name == "another rate"
        else {samples // 3: "pause", samples // 3 + 17_000: "continue", samples // 2: "marker"}
    )
    asr = CountingAsr() if options.audio.sample_rate == SAMPLE_RATE and name in ("ambient", "dual") else LevelAsr()
    pipeline = Pipeline(LoudnessVad(), asr, [EchoExtractor()], SHORT)
    whole = await run(pipeline, options, data, cuts(samples, 1, 48_000), controls)
    assert len(whole.finals()) > 3
    assert len(whole.kept) > len(whole.finals())
    for number in range(0, len(whole.kept), 4):
        resumed = resumed_from(whole, number)
        ahead = {at: kind for at, kind in controls.items() if at > resumed.checkpoint.mark}
        answered = {control.at for control in resumed.checkpoint.controls}
        ahead = {at: kind for at, kind in ahead.items() if at not in answered}
        rest = await run(pipeline, options, data, cuts(samples, number, 30_000), ahead, resumed)
        before = Run(whole.updates[: whole.kept[number][0]])
        assert before.finals() + rest.finals() == whole.finals(), number
        assert before.operations() + rest.operations() == whole.operations(), number
    await pipeline.close()


@pytest.mark.parametrize("mode", ["ambient", "dual"])
async def test_with_real_models_a_stream_that_is_resumed_writes_letter_for_letter_what_it_would_have(
    vad, tiny, dual_consultation, mode
):
    samples = dual_consultation[:, : 30 * SAMPLE_RATE]
    data = pcm(samples if mode == "dual" else samples.mean(axis=0))
    options = StreamOptions(AudioFormat(channels=2 if mode == "dual" else 1), mode)
    pipeline = Pipeline(vad, tiny, [])
    length = samples.shape[1]
    whole = await run(pipeline, options, data, cuts(length, 1, 48_000), {})
    assert len(whole.finals()) > 4
    for number in (len(whole.kept) // 2, len(whole.kept) - 3):
        resumed = resumed_from(whole, number)
        assert resumed.checkpoint.mark > 0
        rest = await run(pipeline, options, data, cuts(length, number, 40_000), {}, resumed)
        assert Run(whole.updates[: whole.kept[number][0]]).finals() + rest.finals() == whole.finals()
    await pipeline.close()


async def test_a_checkpoint_holds_no_audio_and_stays_small():
    options, data = CASES["dual"]
    pipeline = Pipeline(LoudnessVad(), LevelAsr(), [], SHORT)
    whole = await run(pipeline, options, data, cuts(len(data) // 4, 1, 48_000), {})
    sizes = [len(checkpoints.dump_json(kept)) for _, kept in whole.kept]
    assert max(sizes) < 16_000
    for _, kept in whole.kept:
        assert checkpoints.validate_json(checkpoints.dump_json(kept)) == kept
        assert not [name for name in _kinds(kept) if name == "ndarray"]
    await pipeline.close()


def _kinds(value: object) -> set[str]:
    """The types of everything inside a dataclass."""
    if hasattr(value, "__dataclass_fields__"):
        return set().union(*(_kinds(getattr(value, name)) for name in value.__dataclass_fields__)) | {
            type(value).__name__
        }
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple | list):
        return set().union(*map(_kinds, value)) if value else set()
    return {type(value).__name__}
