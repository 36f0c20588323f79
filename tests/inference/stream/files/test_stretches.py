"""How a recording is divided for decoding side by side."""

import numpy as np

from inference.audio.segmenter import Span
from inference.audio.spoken import Spoken
from inference.config import SAMPLE_RATE
from inference.stream.files.stretches import FIRST_S, LONGEST_S, STRETCH_S, Stretches


def span(start_s: float, end_s: float, held_s: float = 0.0, resumed: bool = False) -> Span:
    start, end = int(start_s * SAMPLE_RATE), int(end_s * SAMPLE_RATE)
    spoken = Spoken(((0.0, end_s - start_s),))
    audio = np.zeros(end - start, dtype=np.float32)
    return Span(start, end, audio, True, spoken, 1, end, held=int(held_s * SAMPLE_RATE), resumed=resumed)


def lengths(stretches: list) -> list[float]:
    return [(cuts[-1][1].end - cuts[0][1].start) / SAMPLE_RATE for cuts in stretches]


def test_stretches_hold_every_span_once_in_order_and_grow_to_their_full_length():
    cuts = [(0, span(5 * i, 5 * i + 4.5)) for i in range(120)]
    made = Stretches()
    done = [stretch for cut in cuts for stretch in made.add([cut])]
    assert [cut for stretch in [*done, made.rest()] for cut in stretch] == cuts
    assert FIRST_S <= lengths(done)[0] < FIRST_S + 5
    assert STRETCH_S <= lengths(done)[-1] < STRETCH_S + 5


def test_no_stretch_ends_while_one_of_two_speakers_is_in_mid_speech():
    made = Stretches()
    cuts = [(0, span(0, 10, held_s=3)), (0, span(7, 17, held_s=3, resumed=True)), (1, span(0, 20)), (0, span(14, 30))]
    assert made.add(cuts[:3]) == []
    assert made.add(cuts[3:]) == [cuts]


def test_somebody_who_never_pauses_is_cut_in_mid_speech_and_no_sample_is_heard_twice():
    made = Stretches()
    cuts = [(0, span(7 * i, 7 * i + 10, held_s=3, resumed=i > 0)) for i in range(60)]
    done = [stretch for cut in cuts for stretch in made.add([cut])]
    (first,) = done
    second = made.rest()
    assert LONGEST_S <= lengths(done)[0] < LONGEST_S + 10
    assert not first[-1][1].split
    assert second[0][1].start == first[-1][1].end
    assert not second[0][1].resumed
