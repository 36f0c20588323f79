import time
from dataclasses import replace

from inference.config import AsrConfig
from inference.serving import capacity
from inference.serving.capacity import FINALS, PARTIALS, sessions_in_real_time
from tests.support.fakes import LevelAsr

GPU = AsrConfig(device="cuda", workers=1, max_batch=2)


class Slow(LevelAsr):
    """Takes a known time, but no processor's, for each span of a batch: a GPU."""

    def __init__(self, span_s):
        super().__init__()
        self.span_s = span_s

    def rehearse(self, rehearsal):
        time.sleep(self.span_s * rehearsal.batch)


async def test_the_capacity_follows_from_what_a_final_and_a_partial_take():
    slow = await sessions_in_real_time(Slow(0.04), GPU)
    busy_s = 1.2 * (0.04 / FINALS.every_s + 0.5 * 0.04 / PARTIALS.every_s)
    assert 0.5 * 0.85 / busy_s < slow <= 0.85 / busy_s  # a busy machine measures less, never more


async def test_more_workers_carry_more():
    one = await sessions_in_real_time(Slow(0.05), GPU)
    more = await sessions_in_real_time(Slow(0.05), replace(GPU, workers=3))
    assert more > 2 * one


async def test_on_a_cpu_work_counts_and_not_the_time_that_others_took():
    class Waiting(LevelAsr):
        def rehearse(self, rehearsal):
            time.sleep(0.05)  # another process had the core
            until = time.thread_time() + 0.01
            while time.thread_time() < until:
                pass

    measured = await sessions_in_real_time(Waiting(), AsrConfig(workers=1))
    undisturbed = 0.85 / (1.2 * (0.005 / FINALS.every_s + 0.5 * 0.005 / PARTIALS.every_s))
    assert 0.3 * undisturbed < measured <= undisturbed


async def test_there_is_room_for_one_on_the_slowest_device_and_no_measure_of_a_fake(monkeypatch):
    class Slowest(LevelAsr):
        at_s = 0.0

        def rehearse(self, rehearsal):
            self.at_s += 2.5

        def monotonic(self):
            return self.at_s

    engine = Slowest()
    monkeypatch.setattr(capacity, "time", engine)
    assert await sessions_in_real_time(engine, replace(GPU, max_batch=1)) == 1
    monkeypatch.undo()
    assert await sessions_in_real_time(LevelAsr(), AsrConfig()) is None


async def test_a_real_model_has_a_capacity(tiny):
    measured = await sessions_in_real_time(tiny, tiny.config)
    assert measured is not None
    assert 1 <= measured < 10_000
