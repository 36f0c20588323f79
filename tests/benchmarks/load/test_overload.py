"""When the overload benchmark calls the lag normal again."""

from benchmarks.load.client import Run
from benchmarks.load.overload import finite, normal_again_s

START = 1000.0


def run_of(caught_up_at: float | None) -> Run:
    """A minute of chunks of 1 s, of which nothing is transcribed before `caught_up_at`, and then all at once."""
    run = Run(0, 60.0, began=START)
    for second in range(1, 61):
        run.due.append(START + second)
        run.sent.append(START + second)
        run.ends.append(16_000 * second)
        if caught_up_at is not None and second >= caught_up_at:
            run.progress.append((START + second, 16_000 * second, float(second)))
    return run


def test_the_lag_is_normal_from_the_first_stretch_on_in_which_it_stays_low():
    found = normal_again_s([run_of(10)], START, START + 60, normal_s=1.5)
    assert 8.0 <= found <= 10.0  # a stretch may begin with a twentieth of it above the limit


def test_a_lag_that_never_comes_down_is_never_normal_and_no_number_in_json():
    found = normal_again_s([run_of(10), run_of(None)], START, START + 60, normal_s=1.5)
    assert found == float("inf")
    assert finite(found) is None
