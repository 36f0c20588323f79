import pytest

from inference.config import ASR_DEFAULTS, FULL_FRAMES, AsrConfig
from inference.device.faults import OutOfMemory
from inference.serving.warm_up import rehearsals, warm_up
from tests.support.fakes import LevelAsr

CUDA = ASR_DEFAULTS["cuda"]


class Tight(LevelAsr):
    """A device with memory for so many frames at once."""

    def __init__(self, frames):
        super().__init__()
        self.frames = frames
        self.ran = []

    def rehearse(self, rehearsal):
        if rehearsal.batch * rehearsal.frames > self.frames:
            raise OutOfMemory("CUDA out of memory")
        self.ran.append((rehearsal.frames, rehearsal.batch))


def test_every_length_is_rehearsed_in_both_lanes_with_and_without_a_prompt_and_a_language_is_detected():
    found = list(rehearsals(CUDA))
    for frames in CUDA.ladder:
        for final in (True, False):
            for prompted in (True, False):
                sizes = {r.batch for r in found if (r.frames, r.final, r.prompted) == (frames, final, prompted)}
                assert sizes >= {1, CUDA.max_batch}
    assert any(r.language is None for r in found)


def test_the_batch_that_needs_the_most_memory_comes_first():
    first, *others = rehearsals(CUDA)
    assert (first.final, first.frames, first.batch) == (True, FULL_FRAMES, CUDA.max_batch)
    assert all(r.frames * r.batch <= first.frames * first.batch for r in others)


def test_a_batch_that_does_not_fit_is_halved_until_it_does():
    engine = Tight(frames=10 * FULL_FRAMES)
    warm_up(engine, CUDA)
    assert engine.ran[0] == (FULL_FRAMES, 8)
    assert (CUDA.ladder[0], CUDA.max_batch) in engine.ran


def test_a_device_without_room_for_one_span_is_an_error():
    with pytest.raises(OutOfMemory):
        warm_up(Tight(frames=FULL_FRAMES - 1), CUDA)


def test_the_real_engine_rehearses_every_shape(tiny):
    warm_up(tiny, AsrConfig(max_batch=2, ladder=(400, FULL_FRAMES)))
