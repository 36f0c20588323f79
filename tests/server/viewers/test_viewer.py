"""A viewer's connection: what waits for it is bounded, and it is looked after."""

import pytest

from server import protocol
from server.viewers.frames import KEEP_ALIVE, chunk, frame
from server.viewers.viewer import KEEP_ALIVE_S, MOST_UNSENT, Viewer


class Transport:
    """Takes what is written; `unsent` is what the client has not read."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.unsent = 0
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
def transport():
    return Transport()


def shown(seq: int):
    return frame(protocol.event("marker", seq, id=seq))


def viewer(transport: Transport, cuts: list[str], **options) -> Viewer:
    made = Viewer(transport, options.pop("chunked", True), 30.0, cut=cuts.append, **options)
    made.begin(0)
    return made


def test_events_are_written_once_in_the_form_that_the_client_speaks(transport):
    for chunked, expected in ((True, shown(1).chunk), (False, shown(1).plain)):
        watching = viewer(transport, [], chunked=chunked)
        watching.show(shown(1))
        watching.show(shown(1))
        assert transport.written.pop() == expected
        assert transport.written == []


def test_one_who_leaves_too_much_unread_is_cut_off_and_only_that_one(transport):
    cuts: list[str] = []
    watching = viewer(transport, cuts)
    transport.unsent = MOST_UNSENT
    watching.show(shown(1))
    assert not transport.aborted
    transport.unsent += 1
    watching.show(shown(2))
    assert (transport.aborted, cuts, watching.over.is_set()) == (True, ["slow"], True)
    assert len(transport.written) == 1


def test_one_who_reads_nothing_for_the_limit_is_cut_off_and_one_who_reads_slowly_is_not(transport):
    cuts: list[str] = []
    watching = viewer(transport, cuts)
    transport.unsent = 1000
    for second in range(100):
        transport.unsent -= second % 20 == 0
        watching.check(float(second))
    assert cuts == []
    for second in range(100, 140):
        watching.check(float(second))
    assert cuts == ["slow"]


def test_silence_is_filled_with_comments_and_events_make_them_needless(transport):
    watching = viewer(transport, [])
    watching.check(0.0)
    watching.check(KEEP_ALIVE_S)
    assert transport.written == [chunk(KEEP_ALIVE)]
    watching.show(shown(1))
    watching.check(2 * KEEP_ALIVE_S)
    assert transport.written == [chunk(KEEP_ALIVE), shown(1).chunk]


def test_one_that_still_catches_up_gets_no_comment_within_what_is_written_for_it(transport):
    watching = Viewer(transport, True, 30.0)
    for second in range(0, 100, 5):
        watching.check(float(second))
    assert transport.written == []


def test_a_key_that_is_revoked_ends_the_connection(transport):
    cuts: list[str] = []
    watching = viewer(transport, cuts, in_force=lambda: False)
    watching.check(0.0)
    assert (transport.aborted, cuts) == (True, ["key_revoked"])


@pytest.mark.parametrize(("whole", "unsent", "aborted"), [(True, 9, False), (False, 9, True), (False, 0, False)])
def test_what_may_be_erased_by_now_is_not_sent_any_more(transport, whole, unsent, aborted):
    watching = viewer(transport, [])
    transport.unsent = unsent
    watching.end(whole)
    assert (transport.aborted, watching.over.is_set()) == (aborted, True)
