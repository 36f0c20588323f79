"""Speech lag: from the oldest speech that the transcript does not cover to the audio that was due. Pure.

The load benchmark has another lag (statistics.coverage_lags): this server tells how far it is by `progress`, silence
included, and other servers tell segments alone.

One definition for every system. `covered` is the latest end of a segment, open or completed, that the server has
reported. Silence costs nobody anything: lag is counted from the oldest speech that is not covered, at moments at which
somebody speaks by the reference. What was due counts, not what was sent: a server that holds the client back gains
nothing.
"""

import math
from collections.abc import Sequence

Speech = Sequence[tuple[float, float]]
"""Start and end in seconds, in order, apart from each other."""

SLACK_S = 0.75
"""A segment may end by so much before what it covers: the reference holds an utterance open up to 0.65 s after its last
sound, and audio arrives in whole frames, so that an end shortly before a frame's end has heard all of that frame."""

STEP_S = 0.1


def merged(utterances: Sequence[tuple[float, float]], gap_s: float = 0.2) -> list[tuple[float, float]]:
    """Utterances of several speakers as one line of speech; pauses below `gap_s` are speech."""
    speech: list[tuple[float, float]] = []
    for start, end in sorted(utterances):
        if speech and start - speech[-1][1] < gap_s:
            speech[-1] = (speech[-1][0], max(end, speech[-1][1]))
        else:
            speech.append((start, end))
    return speech


def oldest_unheard(covered_s: float, speech: Speech) -> float:
    """The first moment of speech beyond `covered_s`; infinite if there is none."""
    for start, end in speech:
        if end - covered_s > SLACK_S:
            return max(start, covered_s)
    return math.inf


def reached(end_s: float, frame_s: float) -> float:
    """How far a segment that ends at `end_s` reaches into audio that comes in frames of `frame_s`."""
    frame_end_s = math.ceil(end_s / frame_s - 1e-9) * frame_s
    return frame_end_s if frame_end_s - end_s <= SLACK_S else end_s


def speech_lags(reports: Sequence[tuple[float, float]], speech: Speech, seconds: float, frame_s: float) -> list[float]:
    """Speech lag in seconds, every `STEP_S` of speech.

    reports: (seconds since the session began, end of the latest segment in seconds of audio), in order of arrival.
    seconds: length of the audio. frame_s: audio is due in frames of this length, each at the moment it ends.
    """
    found, covered, at = [], 0.0, 0
    for step in range(int(seconds / STEP_S)):
        now = step * STEP_S
        while at < len(reports) and reports[at][0] <= now:
            covered = max(covered, reached(reports[at][1], frame_s))
            at += 1
        if any(start <= now < end for start, end in speech):
            due = math.floor(now / frame_s + 1e-9) * frame_s
            found.append(max(0.0, due - oldest_unheard(covered, speech)))
    return found
