import time

from inference.capacity import FINALS, PARTIALS, sessions_in_real_time
from inference.config import AsrConfig
from tests.fakes import LevelAsr


class Slow(LevelAsr):
    """Takes a known time for each span of a batch."""

    def __init__(self, span_s):
        super().__init__()
        self.span_s = span_s

    def rehearse(self, final, seconds, tokens, batch):
        time.sleep(self.span_s * batch)


async def test_the_capacity_follows_from_what_a_final_and_a_partial_take():
    slow = await sessions_in_real_time([Slow(0.04)], AsrConfig(workers=1))
    busy_s = 0.04 / FINALS.every_s + 0.5 * 0.04 / PARTIALS.every_s
    assert 0.5 * 0.85 / busy_s < slow <= 0.85 / busy_s  # a busy machine measures less, never more


async def test_replicas_and_workers_carry_more():
    one = await sessions_in_real_time([Slow(0.05)], AsrConfig(workers=1))
    more = await sessions_in_real_time([Slow(0.05), Slow(0.05)], AsrConfig(workers=2))
    assert more > 2 * one


async def test_there_is_room_for_one_on_the_slowest_device_and_no_measure_of_a_fake():
    assert await sessions_in_real_time([Slow(5 / 2)], AsrConfig(workers=1, max_batch=1)) == 1
    assert await sessions_in_real_time([LevelAsr()], AsrConfig()) is None


async def test_a_real_model_has_a_capacity(tiny):
    measured = await sessions_in_real_time([tiny], tiny.config)
    assert measured is not None
    assert 1 <= measured < 10_000
