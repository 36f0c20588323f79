"""Opus packets out of WebM and Ogg, cut at any byte."""

import random
from contextlib import suppress
from io import BytesIO

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.audio.containers import ContainerError, Head, Packet, demuxer, is_beginning
from tests.support.fakes import speech
from tests.support.recorder import recorded

SAID = speech((1.0, 0.5), (0.5, 0), (1.0, 0.3))
KINDS = ("webm_opus", "ogg_opus")
STREAMS = {kind: recorded(SAID, kind) for kind in KINDS}


def packets(units: list) -> list[bytes]:
    return [unit.data for unit in units if isinstance(unit, Packet)]


def by_ffmpeg(data: bytes) -> list[bytes]:
    with av.open(BytesIO(data)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("kind", KINDS)
def test_the_packets_are_those_that_ffmpeg_reads_and_their_samples_are_the_length_of_the_sound(kind):
    units = demuxer(kind).push(STREAMS[kind])
    assert isinstance(units[0], Head)
    assert (units[0].channels, units[0].pre_skip) == (1, 312)
    assert packets(units) == by_ffmpeg(STREAMS[kind])
    samples = sum(unit.samples for unit in units if isinstance(unit, Packet))
    assert 0 <= samples - 2.5 * 48_000 < 2_000


@pytest.mark.parametrize("kind", KINDS)
def test_it_does_not_matter_where_the_bytes_are_cut(kind):
    whole = demuxer(kind).push(STREAMS[kind])
    for seed in range(5):
        rng, reader, at, units = random.Random(seed), demuxer(kind), 0, []
        while at < len(STREAMS[kind]):
            size = rng.choice((1, 2, 3, 50, 400))
            units += reader.push(STREAMS[kind][at : at + size])
            at += size
        assert units == whole


@pytest.mark.parametrize("kind", KINDS)
def test_another_demuxer_goes_on_behind_any_packet_that_has_an_end(kind):
    data = STREAMS[kind]
    first = demuxer(kind)
    units = first.push(data)
    places = [(number, unit.end) for number, unit in enumerate(units) if isinstance(unit, Packet) and unit.end]
    assert len(places) > 3
    for number, end in places:
        assert packets(demuxer(kind, first.key).push(data[end:])) == packets(units[number + 1 :])


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_reads_on_for_itself(kind):
    reader = demuxer(kind)
    reader.push(STREAMS[kind][:3000])
    other = reader.copy()
    assert other.push(STREAMS[kind][3000:]) == reader.push(STREAMS[kind][3000:])


@pytest.mark.parametrize("kind", KINDS)
def test_a_recorder_that_is_started_anew_begins_with_a_head_of_its_own(kind):
    units = demuxer(kind).push(STREAMS[kind] + STREAMS[kind])
    assert [isinstance(unit, Head) for unit in units].count(True) == 2
    assert is_beginning(kind, STREAMS[kind])
    assert not is_beginning(kind, STREAMS[kind][len(STREAMS[kind]) // 2 :])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", [b"RIFF\0\0\0\0WAVEfmt ", b"\0\0\0\0", bytes(range(256)), b"ID3\x04"])
def test_what_is_no_such_stream_is_refused_with_its_first_bytes(kind, data):
    with pytest.raises(ContainerError, match="does not begin like"):
        demuxer(kind).push(data)


def test_the_other_container_is_refused_too():
    for kind, other in (KINDS, KINDS[::-1]):
        with pytest.raises(ContainerError, match="does not begin like"):
            demuxer(kind).push(STREAMS[other])


@pytest.mark.parametrize("kind", KINDS)
def test_garbage_in_the_middle_is_refused(kind):
    reader = demuxer(kind)
    reader.push(
        STREAMS[kind][: [u.end for u in demuxer(kind).push(STREAMS[kind]) if isinstance(u, Packet) and u.end][2]]
    )
    with pytest.raises(ContainerError, match="at this place"):
        reader.push(b"\0garbage" * 20)


def test_a_recording_of_another_codec_is_refused_with_what_to_record():
    file = BytesIO()
    with av.open(file, "w", format="matroska") as made:
        stream = made.add_stream("flac", rate=48_000)
        stream.layout = "mono"
        frame = av.AudioFrame(format="s16", layout="mono", samples=4608)
        frame.sample_rate = 48_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            made.mux(packet)
    with pytest.raises(ContainerError, match="no Opus audio: record with audio/webm;codecs=opus"):
        demuxer("webm_opus").push(file.getvalue())


def test_an_element_that_claims_to_be_enormous_is_refused_before_it_is_waited_for():
    beginning = demuxer("webm_opus")
    beginning.push(STREAMS["webm_opus"][:400])
    for size in (b"\x08\xff\xff\xff\xff", b"\x01\x00\xff\xff\xff\xff\xff\xff"):
        with pytest.raises(ContainerError):
            demuxer("webm_opus", 1).push(b"\xa3" + size)
        with pytest.raises(ContainerError):
            demuxer("webm_opus", 1).push(b"\xec" + size)


@given(st.binary(max_size=300), st.integers(0, 400), st.sampled_from(KINDS))
def test_no_bytes_raise_anything_else_and_little_of_them_is_held(noise, at, kind):
    reader = demuxer(kind)
    with suppress(ContainerError):
        reader.push(STREAMS[kind][:at] + noise)
        reader.push(noise * 50)
    assert len(reader._held) < 70_000
