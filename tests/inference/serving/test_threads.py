import time

import pytest

from inference.config import AsrConfig
from inference.serving.threads import Trial, choices, cores, fastest
from tests.support.fakes import LevelAsr


class Timed(LevelAsr):
    def __init__(self, span_s):
        super().__init__()
        self.span_s = span_s

    def rehearse(self, rehearsal):
        time.sleep(self.span_s)


@pytest.mark.parametrize(
    ("available", "expected"), [(1, [(1, 1)]), (2, [(2, 1), (1, 2)]), (6, [(6, 1), (3, 2), (1, 4)])]
)
def test_every_choice_fills_the_cores_and_none_asks_for_more(available, expected):
    assert choices(available) == expected


@pytest.mark.parametrize(("narrow_s", "wide_s", "workers"), [(0.02, 0.02, 2), (0.1, 0.01, 1)])
def test_the_faster_one_wins_and_narrow_decoders_unless_wide_ones_are_clearly_faster(narrow_s, wide_s, workers):
    loaded = []

    def load(config):
        loaded.append(config)
        return Timed(narrow_s if config.threads == 1 else wide_s)

    _, config, trials = fastest(load, AsrConfig(), 2)
    assert config.workers == workers
    assert config in loaded
    assert [(trial.workers, trial.threads) for trial in trials] == [(2, 1), (1, 2)]
    assert all(trial.spans_per_s > 0 for trial in trials)


def test_a_trial_names_one_decoder_and_several_in_the_right_number():
    assert str(Trial(1, 2, 3.456)) == "1 decoder of 2 threads: 3.46 spans/s"
    assert str(Trial(4, 1, 5.0)) == "4 decoders of 1 thread: 5.00 spans/s"


def test_the_cores_are_those_that_this_process_may_use():
    assert cores() >= 1
