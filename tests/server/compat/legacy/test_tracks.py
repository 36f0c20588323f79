import random

import numpy as np
import pytest

from server.compat.legacy.tracks import MOST_WAITING, PAIR_WAIT_S, Tracks

CHUNK = 48_000
CHUNK_S = 3.0
BEGAN = 1000.0


def chunk(value, samples=CHUNK):
    return np.full(samples, value, "<i2").tobytes()


def channels(data, count=2):
    return np.frombuffer(data, "<i2").reshape(-1, count).T


def runs(channel):
    """(value, samples) of each stretch of one value."""
    edges = np.flatnonzero(np.diff(channel)) + 1
    return [(int(part[0]), len(part)) for part in np.split(channel, edges) if len(part)]


def dual():
    return Tracks(("mic", "tab"), BEGAN)


def test_chunks_of_one_source_are_joined_without_a_sample_between_them():
    tracks = Tracks(("ambient",), BEGAN)
    given = b""
    for number in range(1, 6):
        tracks.put("ambient", chunk(number), BEGAN + CHUNK_S * number + 0.1 * (number % 3))
        given += tracks.take(BEGAN + CHUNK_S * number + 0.1 * (number % 3))
    assert runs(channels(given, 1)[0]) == [(number, CHUNK) for number in range(1, 6)]


def test_two_sources_become_two_channels_sample_for_sample():
    tracks, rng = dual(), np.random.default_rng(7)
    sent = rng.integers(-9, 9, (2, 5 * CHUNK), dtype="<i2")
    given = b""
    for number in range(5):
        now = BEGAN + CHUNK_S * (number + 1)
        for channel, source in enumerate(("mic", "tab")):
            tracks.put(source, sent[channel, number * CHUNK : (number + 1) * CHUNK].tobytes(), now + 0.05 * channel)
            given += tracks.take(now + 0.05 * channel)
    assert (channels(given) == sent).all()


@pytest.mark.parametrize("pace", [0.0, 0.25, 1.0])
def test_a_client_that_sends_faster_than_people_speak_keeps_both_channels_together(pace):
    tracks, given = dual(), b""
    for number in range(1, 8):
        now = BEGAN + 0.5 + pace * CHUNK_S * number
        tracks.put("mic", chunk(number), now)
        tracks.put("tab", chunk(100 + number), now)
        given += tracks.take(now)
    mic, tab = channels(given + tracks.flush())
    assert (tab - mic == 100).all()
    assert runs(mic) == [(number, CHUNK) for number in range(1, 8)]


@pytest.mark.parametrize("seed", range(12))
def test_silent_chunks_that_were_left_out_become_as_much_silence(seed):
    """With the arrival of each chunk up to 0.3 s late, and the tab 0.2 s behind the microphone."""
    rng = random.Random(seed)
    tracks, given, now = dual(), b"", BEGAN
    kept = {
        source: [number for number in range(1, 30) if number == 1 or number == 29 or rng.random() < 0.6]
        for source in ("mic", "tab")
    }
    arrivals = sorted(
        (BEGAN + 0.05 + behind + CHUNK_S * number + 0.2 * rng.random(), source, number)
        for source, behind in (("mic", 0.0), ("tab", 0.2))
        for number in kept[source]
    )
    for when, source, number in arrivals:
        while now < when:
            given += tracks.take(now)
            now += 0.25
        tracks.put(source, chunk(number), when)
        given += tracks.take(when)
    for channel, source in zip(channels(given + tracks.flush()), ("mic", "tab"), strict=True):
        whole = np.concatenate([np.full(CHUNK, number if number in kept[source] else 0) for number in range(1, 30)])
        assert len(channel) == len(whole)
        assert (channel == whole).all()


def test_a_source_that_is_silent_is_waited_for_no_longer_than_its_chunk_is_overdue():
    tracks = dual()
    tracks.put("mic", chunk(1), BEGAN + 3.0)
    tracks.put("tab", chunk(2), BEGAN + 3.2)
    assert len(tracks.take(BEGAN + 3.2)) == 4 * CHUNK
    tracks.put("mic", chunk(3), BEGAN + 6.0)
    assert tracks.take(BEGAN + 6.2 + PAIR_WAIT_S - 0.3) == b""
    mic, tab = channels(tracks.take(BEGAN + 6.2 + PAIR_WAIT_S + 0.01))
    assert (runs(mic), runs(tab)) == ([(3, CHUNK)], [(0, CHUNK)])


def test_a_source_that_never_sends_does_not_keep_the_other_one_waiting():
    tracks = dual()
    tracks.put("mic", chunk(1), BEGAN + 3.0)
    mic, tab = channels(tracks.take(BEGAN + 3.0 + PAIR_WAIT_S + 0.01))
    assert (runs(mic), runs(tab)) == ([(1, CHUNK)], [(0, CHUNK)])


def test_a_chunk_that_comes_after_its_place_was_given_up_is_late_and_whole():
    tracks = dual()
    tracks.put("mic", chunk(1), BEGAN + 3.0)
    tracks.put("tab", chunk(11), BEGAN + 3.0)
    given = tracks.take(BEGAN + 3.0)
    tracks.put("mic", chunk(2), BEGAN + 6.0)
    given += tracks.take(BEGAN + 7.5)  # the tab's second chunk is given up
    tracks.put("tab", chunk(12), BEGAN + 7.6)
    tracks.put("tab", chunk(13), BEGAN + 9.0)
    tracks.put("mic", chunk(3), BEGAN + 9.0)
    given += tracks.take(BEGAN + 9.0) + tracks.flush()
    mic, tab = channels(given)
    assert runs(mic)[:3] == [(1, CHUNK), (2, CHUNK), (3, CHUNK)]
    assert runs(tab) == [(11, CHUNK), (0, CHUNK), (12, CHUNK), (13, CHUNK)]


def test_where_everybody_is_silent_silence_goes_on_so_that_the_last_words_end():
    tracks = Tracks(("ambient",), BEGAN)
    tracks.put("ambient", chunk(1), BEGAN + 3.0)
    assert len(tracks.take(BEGAN + 3.0)) == 2 * CHUNK
    assert tracks.take(BEGAN + 8.0) == b"", "a chunk that is two seconds late may still come"
    assert tracks.take(BEGAN + 8.3) == bytes(2 * CHUNK)
    tracks.put("ambient", chunk(4), BEGAN + 12.0)
    assert runs(channels(tracks.take(BEGAN + 12.0), 1)[0]) == [(0, CHUNK), (4, CHUNK)]


def test_a_pause_takes_no_time_and_what_comes_in_it_is_dropped():
    tracks = dual()
    for source, value in (("mic", 1), ("tab", 11)):
        tracks.put(source, chunk(value), BEGAN + 3.0)
    given = tracks.take(BEGAN + 3.0) + tracks.flush()
    tracks.hold(BEGAN + 4.0)
    tracks.put("mic", chunk(9), BEGAN + 6.0)
    assert tracks.take(BEGAN + 600.0) == b""
    tracks.go_on(BEGAN + 604.0)
    for source, value in (("mic", 2), ("tab", 12)):
        tracks.put(source, chunk(value), BEGAN + 605.0)
    mic, tab = channels(given + tracks.take(BEGAN + 605.0))
    assert (runs(mic), runs(tab)) == ([(1, CHUNK), (2, CHUNK)], [(11, CHUNK), (12, CHUNK)])


def test_what_a_client_kept_while_it_was_away_is_joined_and_time_goes_on_as_it_was():
    tracks = dual()
    for source, value in (("mic", 1), ("tab", 11)):
        tracks.put(source, chunk(value), BEGAN + 3.0)
    given = tracks.take(BEGAN + 3.0)
    tracks.reconnected(BEGAN + 10.0)  # two chunks of each source fell into the outage
    for value in (2, 3):
        tracks.put("mic", chunk(value), BEGAN + 10.1)
        given += tracks.take(BEGAN + 10.1)
    for value in (12, 13):
        tracks.put("tab", chunk(value), BEGAN + 10.2)
        given += tracks.take(BEGAN + 10.2)
    for source, value in (("mic", 4), ("tab", 14)):
        tracks.put(source, chunk(value), BEGAN + 12.1)
    given += tracks.take(BEGAN + 12.1)
    mic, tab = channels(given)
    assert runs(mic) == [(value, CHUNK) for value in (1, 2, 3, 4)]
    assert runs(tab) == [(value, CHUNK) for value in (11, 12, 13, 14)]


def test_a_last_chunk_that_is_shorter_is_padded_in_the_other_channel():
    tracks = dual()
    tracks.put("mic", chunk(1), BEGAN + 3.0)
    tracks.put("tab", chunk(11), BEGAN + 3.0)
    tracks.put("mic", chunk(2, 1600), BEGAN + 3.1)
    mic, tab = channels(tracks.take(BEGAN + 3.1) + tracks.flush())
    assert (runs(mic), runs(tab)) == ([(1, CHUNK), (2, 1600)], [(11, CHUNK), (0, 1600)])
    assert tracks.flush() == b""


def test_a_flood_of_one_source_is_not_kept_for_the_other_one():
    tracks = dual()
    for number in range(1, 31):
        tracks.put("mic", chunk(number), BEGAN + 0.01 * number)
    given = tracks.take(BEGAN + 0.4)
    assert len(given) == 4 * (30 * CHUNK - MOST_WAITING)


def test_silence_is_counted_from_the_last_chunk_or_the_end_of_a_pause():
    tracks = dual()
    assert tracks.silent_s(BEGAN + 2.0) == 2.0
    tracks.put("mic", chunk(1), BEGAN + 3.0)
    assert tracks.silent_s(BEGAN + 8.0) == 5.0
    tracks.hold(BEGAN + 9.0)
    tracks.go_on(BEGAN + 100.0)
    assert tracks.silent_s(BEGAN + 101.0) == 1.0
