import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drtranscribe.outbox import Outbox


@settings(deadline=None)  # a busy machine is no fault of the outbox
@given(st.data())
def test_the_outbox_loses_and_doubles_nothing_wherever_connections_break(data: st.DataObject) -> None:
    outbox = Outbox(frame_bytes=2, min_samples=3)
    put, got = bytearray(), bytearray()
    markers: dict[int, int] = {}
    heard: dict[int, int] = {}

    def exchange(messages: int) -> None:
        for _ in range(messages):
            message = outbox.next()
            if message is None:
                return
            if isinstance(message, bytes):
                got.extend(message)
            else:
                heard[message["id"]] = len(got)

    for step in data.draw(st.lists(st.sampled_from(["put", "marker", "send", "ack", "break"]), max_size=40)):
        if step == "put":
            pcm = data.draw(st.integers(1, 8)) * b"ab"
            pcm = bytes((len(put) + i) % 251 for i in range(len(pcm)))
            put += pcm
            outbox.put_audio(pcm)
        elif step == "marker":
            markers[len(markers)] = len(put)
            outbox.put_control({"type": "marker", "id": len(markers) - 1})
        elif step == "send":
            exchange(data.draw(st.integers(1, 4)))
        elif step == "ack":
            received = data.draw(st.integers(0, len(got) // 2))
            outbox.acknowledge(received, data.draw(st.integers(0, received)))
        else:  # to the same server, or to another one that has nothing behind the mark
            arrived = data.draw(st.integers(outbox.durable, max(outbox.durable, len(got) // 2)))
            del got[2 * arrived :]
            for lost in [id for id, place in heard.items() if place >= 2 * arrived]:
                del heard[lost]
            outbox.rewind(arrived)
    exchange(1000)
    assert got == put
    assert heard == markers
    outbox.acknowledge(len(got) // 2)
    assert outbox.waiting_samples == 0


def test_the_outbox_refuses_a_server_that_counts_what_was_never_sent() -> None:
    outbox = Outbox(frame_bytes=2, min_samples=1)
    outbox.put_audio(b"ab" * 10)
    with pytest.raises(ValueError, match="claims 11 samples of 10"):
        outbox.acknowledge(11)
    outbox.acknowledge(5)
    with pytest.raises(ValueError, match="5 was durable before"):
        outbox.rewind(4)


def test_audio_is_kept_until_it_is_durable_and_goes_out_again_from_the_place_that_a_server_names() -> None:
    outbox = Outbox(frame_bytes=2, min_samples=1)
    outbox.put_audio(b"abcdefgh")
    assert outbox.next() == b"abcdefgh"
    outbox.acknowledge(received=4, durable=1)
    assert outbox.waiting_samples == 0
    outbox.rewind(1)
    assert outbox.next() == b"cdefgh"
    outbox.rewind(3)
    assert outbox.next() == b"gh"
    outbox.rewind(1)
    assert [outbox.next(), outbox.next(), outbox.next()] == [b"cdef", b"gh", None]


def test_a_message_keeps_its_number_and_is_sent_again_until_the_event_with_that_number_comes() -> None:
    outbox = Outbox(frame_bytes=2, min_samples=1)
    outbox.put_control({"type": "confirm_finding", "finding_id": "f1"})
    outbox.put_control({"type": "marker", "id": 7})
    first, marker = outbox.next(), outbox.next()
    assert first == {"type": "confirm_finding", "finding_id": "f1", "request": 1}
    outbox.answered({"type": "marker", "id": 7, "request": 2})
    outbox.rewind(0)
    assert [outbox.next(), outbox.next()] == [first, None]
    assert marker == {"type": "marker", "id": 7, "request": 2}
    outbox.answered({"type": "extraction", "request": 1})
    outbox.rewind(0)
    assert outbox.next() is None
