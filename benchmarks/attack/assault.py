"""One attack in a process of its own, so that what it computes does not delay the good session beside it.

    python -m benchmarks.attack.assault NAME URL PID SECONDS SEED PORT

Prints "ready", begins when it reads a line, and prints what it found as one line of JSON. It runs at the lowest
priority: an attacker does not share the server's cores.
"""

import asyncio
import json
import logging
import os
import sys

from yarl import URL

from benchmarks.attack.aim import Aim
from benchmarks.attack.catalogue import ATTACKS


async def assault(name: str, aim: Aim) -> None:
    """Runs the attack; a connection that the server refuses it is an answer, not a failure."""
    attack = next(attack for attack in ATTACKS if attack.name == name)
    await attack.run(aim)


def main() -> None:
    name, url, pid, seconds, seed, port = sys.argv[1:]
    os.nice(15)
    logging.disable()  # asyncio warns of every write to a connection that the server has closed
    aim = Aim(URL(url), int(pid), float(seconds), int(seed), int(port))
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(assault(name, aim))
    print(json.dumps(aim.found()), flush=True)


if __name__ == "__main__":
    main()
