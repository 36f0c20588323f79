"""Connections that are cut at random places while consultations run faster than people speak."""

import asyncio
import random

from benchmarks.chaos.lab import Lab
from benchmarks.chaos.outcome import Outcome
from benchmarks.chaos.proxy import Fault, Proxy, drawn
from benchmarks.load.consultation import Told, consult

AUDIO_S = 58.0
"""Of each consultation: one time through the sample."""

AT_ONCE = 3
MOST_UP, MOST_DOWN = 250_000, 12_000
"""Bytes after which a connection is cut at the latest: some eight seconds of audio, or their events."""


async def disconnects(lab: Lab) -> Outcome:
    """Random disconnects: RST and FIN inside frames, close frames, half-open servers, connections that freeze."""
    outcome, chance, wanted = Outcome(), random.Random(lab.seed), lab.size(20, 200)
    drawn_so_far = 0

    def next_fault() -> Fault | None:
        nonlocal drawn_so_far
        drawn_so_far += 1
        return drawn(chance, MOST_UP, MOST_DOWN) if sum(proxy.happened.values()) < wanted else None

    audio = [lab.audio(number, AUDIO_S) for number in range(AT_ONCE)]
    async with lab.server("--max-sessions", "64") as server:
        url = server.socket
        undisturbed = [await consult(url, one, 2 * lab.speed) for one in audio]
        async with Proxy(server.url.port or 0, next_fault) as proxy:
            rounds = 0
            resumed = 0
            while sum(proxy.happened.values()) < wanted and rounds < wanted:
                rounds += 1
                told: list[Told] = await asyncio.gather(*(consult(proxy.url, one, lab.speed) for one in audio))
                for number, (one, other) in enumerate(zip(told, undisturbed, strict=True)):
                    outcome.same(f"consultation {number}, round {rounds}", one, other)
                    more = sorted(set(one.codes) - set(other.codes))
                    outcome.expect(not more, f"the client was told {', '.join(more)}")
                    resumed += len(one.resumed_at)
        outcome.survived(server)
    happened = sum(proxy.happened.values())
    outcome.expect(happened >= wanted, f"{happened} of {wanted} disconnects happened")
    outcome.figures |= {
        "disconnects": happened,
        "kinds": dict(proxy.happened.most_common()),
        "consultations": rounds * AT_ONCE,
        "audio_s": round(rounds * AT_ONCE * AUDIO_S),
        "resumed": resumed,
        "connections": drawn_so_far,
    }
    return outcome
