import random

import pytest

from benchmarks.attack.attacks.floods import masked
from benchmarks.chaos.frames import FrameEnds

HEAD = b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n"
FRAMES = [
    bytes((0x81, 0)),
    bytes((0x81, 5)) + b"hello",
    masked(0x82, bytes(125)),
    masked(0x82, bytes(126)),
    masked(0x82, bytes(70_000)),
    bytes((0x82, 126, 1, 0)) + bytes(256),
    masked(0x89, b""),
]
STREAM = HEAD + b"".join(FRAMES)
ENDS = [len(HEAD) + sum(map(len, FRAMES[:count])) for count in range(len(FRAMES) + 1)]


@pytest.mark.parametrize("seed", range(20))
def test_the_ends_of_frames_are_found_however_the_stream_is_cut(seed):
    chance, ends, passed, found = random.Random(seed), FrameEnds(), 0, []
    while passed < len(STREAM):
        piece = STREAM[passed : passed + chance.choice((1, 2, 3, 17, 300, 40_000))]
        found += [passed + place for place in ends.take(piece)]
        passed += len(piece)
    assert found == ENDS


def test_a_frame_that_is_not_whole_has_no_end_yet():
    ends = FrameEnds()
    assert ends.take(HEAD) == [len(HEAD)]
    assert ends.take(FRAMES[4][:-1]) == []
    assert ends.take(FRAMES[4][-1:]) == [1]
