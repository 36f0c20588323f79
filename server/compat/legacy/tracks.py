"""Chunks of separate sources as one stream of samples: the channels of a session. Pure.

The public extension cuts microphone and tab into chunks of their own and sends no chunk in which nobody speaks. A chunk
says nothing about when it was recorded, so its place is taken from when it came:

- Chunks that follow each other are joined without a sample between them. A chunk that comes so late that one or more
  before it must have been left out is placed on the grid of the chunks of its source, behind as many chunks of silence.
- Audio goes on to the session as far as it is known of every source. A source whose chunk is `PAIR_WAIT_S` overdue is
  taken to be silent for that chunk, so nobody waits for a source for ever. Where every source is silent, silence goes
  on too, or the last words would wait for the next ones.
- A chunk that comes after its place was given up is placed at the first free sample: later than it was said, and whole.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from inference.config import SAMPLE_RATE
from server.compat.legacy.messages import Source

SAMPLE_BYTES = 2
USUAL = 3 * SAMPLE_RATE
"""Samples of a chunk before one has come: what `/api/config` asks for."""

PAIR_WAIT_S = 1.0
"""How much later than its time a chunk may come while another source waits for it."""

LATE = 0.75
"""The part of a chunk's length by which it must be late before the one before it counts as left out, and how much
later than its time a chunk may come while nothing waits for it."""

SNAP_S = 0.5
"""Sources that begin this close together begin together: they are started by one click."""

SETTLE_S = 2.0
"""After a lost connection, for the chunks that the client has kept meanwhile: they come at once and are joined."""

MOST_WAITING = 60 * SAMPLE_RATE
"""Samples of one source that wait for another one: a client that sends a file at once does not fill the memory."""


@dataclass(slots=True)
class _Track:
    """One source. `end` is the sample up to which it is known; `data` are those that have not gone on."""

    end: int = 0
    data: bytearray = field(default_factory=bytearray)
    grid: int | None = None  # a sample at which one of its chunks began
    usual: int = USUAL
    came: deque[tuple[float, int]] = field(default_factory=deque)  # of what waits: when, and up to which sample

    def place(self, began: int) -> int:
        """The place on the grid of a chunk that seems, by when it came, to have begun at that sample."""
        assert self.grid is not None
        return self.grid + int((began - self.grid + (1 - LATE) * self.usual) // self.usual) * self.usual

    def waited(self, since: float) -> int:
        """The sample up to which its audio has waited since that time."""
        return max((upto for when, upto in self.came if when <= since), default=0)

    def pad(self, upto: int) -> None:
        """What is not known of it up to that sample was silence."""
        if upto > self.end:
            self.data += bytes(SAMPLE_BYTES * (upto - self.end))
            self.end = upto


class Tracks:
    """The sources of one session. Times are seconds of a monotonic clock; `began` is that of sample 0."""

    def __init__(self, sources: Sequence[Source], began: float) -> None:
        self._tracks = {source: _Track() for source in sources}
        self._origin = began
        self._done = 0  # samples that have gone on
        self._held_at: float | None = None
        self._settled_at = self._came_at = began

    @property
    def done(self) -> int:
        """Samples of each source that have gone on."""
        return self._done

    @property
    def held(self) -> bool:
        """Whether a pause goes on."""
        return self._held_at is not None

    def silent_s(self, now: float) -> float:
        """Seconds since the last chunk came, or since the end of a pause."""
        return now - self._came_at

    def put(self, source: Source, samples: bytes, now: float) -> None:
        """Takes a chunk that came `now`. During a pause it is dropped."""
        if self._held_at is not None:
            return
        self._came_at = now
        track, length = self._tracks[source], len(samples) // SAMPLE_BYTES
        began = self._clock(now) - length
        if began < self._done and all(each.grid is None for each in self._tracks.values()):
            # The first chunk cannot begin before the stream: a client that sends faster than people speak.
            self._origin -= (self._done - began) / SAMPLE_RATE
            began = self._done
        if track.grid is None:
            track.usual = length
            track.grid = self._grid(began, length)
        track.usual = max(track.usual, length)
        if now >= self._settled_at:
            track.pad(track.place(began))
        track.data += samples
        track.end += length
        track.came.append((now, track.end))

    def take(self, now: float) -> bytes:
        """What can go on by `now`, interleaved: the next samples of every source."""
        if self._held_at is not None:
            return b""
        return self._given(min(self._known(track, now) for track in self._tracks.values()))

    def flush(self) -> bytes:
        """All that has come, interleaved; a source of which less has come is silent to the end."""
        return self._given(max(track.end for track in self._tracks.values()))

    def hold(self, now: float) -> None:
        """A pause begins: time stands still. Call `flush` before."""
        if self._held_at is None:
            self._held_at = now

    def go_on(self, now: float) -> None:
        """A pause ends. Where the chunks of each source begin is found out anew."""
        if self._held_at is None:
            return
        self._origin += now - self._held_at
        self._held_at, self._came_at = None, now
        for track in self._tracks.values():
            track.grid = None

    def reconnected(self, now: float) -> None:
        """A lost client is back, and sends first what it has kept."""
        self._settled_at = now + SETTLE_S
        for track in self._tracks.values():
            track.came = deque((now, upto) for _, upto in track.came)

    def _clock(self, now: float) -> int:
        return round((now - self._origin) * SAMPLE_RATE)

    def _grid(self, began: int, length: int) -> int:
        """Where the first chunk of a source begins; sources that begin together have one grid."""
        near = min(round(SNAP_S * SAMPLE_RATE), length // 6)
        for other in [*(track.grid for track in self._tracks.values()), self._done]:
            if other is not None:
                chunks = round((began - other) / length)
                if abs(began - other - chunks * length) <= near:
                    return other + chunks * length
        return began

    def _known(self, track: _Track, now: float) -> int:
        """The sample up to which nothing more of a source is waited for."""
        others = [other for other in self._tracks.values() if other is not track]
        furthest = max((other.end for other in others), default=0)
        longest_s = track.usual / SAMPLE_RATE + PAIR_WAIT_S
        known = max([track.end, furthest - MOST_WAITING, *(other.waited(now - longest_s) for other in others)])
        if now < self._settled_at:
            return known
        wait_s = PAIR_WAIT_S if furthest > track.end else LATE * track.usual / SAMPLE_RATE
        grids = [each.grid for each in (track, *others) if each.grid is not None]
        grid = grids[0] if grids else self._done
        return max(known, grid + (self._clock(now - wait_s) - grid) // track.usual * track.usual)

    def _given(self, upto: int) -> bytes:
        size = SAMPLE_BYTES * (upto - self._done)
        if size <= 0:
            return b""
        self._done = upto
        parts = []
        for track in self._tracks.values():
            track.pad(upto)
            parts.append(bytes(track.data[:size]))
            del track.data[:size]
            while track.came and track.came[0][1] <= upto:
                track.came.popleft()
        if len(parts) == 1:
            return parts[0]
        mixed = bytearray(len(parts) * size)
        for number, part in enumerate(parts):
            for byte in range(SAMPLE_BYTES):
                mixed[SAMPLE_BYTES * number + byte :: SAMPLE_BYTES * len(parts)] = part[byte::SAMPLE_BYTES]
        return bytes(mixed)
