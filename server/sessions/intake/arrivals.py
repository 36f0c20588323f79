"""When the audio of a session arrived, also where it had to wait in the socket. Pure."""

from dataclasses import dataclass

LISTENED_S = 0.05
"""Waiting this long for the next chunk, or for half of a shorter chunk, shows that nothing was left in the socket."""


@dataclass(slots=True)
class Arrivals:
    """The arrival time of each chunk, which the lag that clients see is counted from.

    A chunk arrives when it is read, as long as the session reads at once. One that is behind leaves audio in the
    socket: what it reads then came earlier, at an unknown time. People speak in real time, so it is taken to have come
    its own length after the chunk before it, until the session has caught up.
    """

    last: float = 0.0
    behind: bool = False

    def note(self, now: float, duration_s: float, waited_s: float, stopped_at: float | None = None) -> float:
        """The arrival of a chunk of `duration_s` that is read `now`, after waiting `waited_s` for it.

        `stopped_at`: when the whole server stood still during that wait. The chunk came after it, unheard.
        """
        paced = self.last + duration_s
        if stopped_at is not None:
            self.behind = True
            self.last = min(now, max(paced, stopped_at))
            return self.last
        if paced >= now or waited_s >= min(LISTENED_S, duration_s / 2):
            self.behind = False
        self.last = paced if self.behind else now
        return self.last
