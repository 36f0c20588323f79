"""Malformed and random frames beside a good session."""

import asyncio
import json
import sys
from typing import Any

from benchmarks.attack.judge import CRASHES
from benchmarks.chaos.lab import Lab
from benchmarks.chaos.outcome import Outcome
from benchmarks.load.consultation import consult

SPEECH_S = 30.0
SETTLED_MB = 60.0
"""Above its memory before, a few seconds after the frames: buffers of the allocator, and nothing of the sessions."""

SETTLE_S = 20.0


async def frames(lab: Lab) -> Outcome:
    """Malformed and random frames of three kinds, while good consultations are held one after the other."""
    outcome, count, good = Outcome(), lab.size(3_000, 100_000), 0
    flags = ("--max-sessions", "2000", "--resume-ttl-s", "2", "--retention", "2")  # each frame may take a place
    async with lab.server(*flags) as server:
        url = server.socket
        audio = lab.audio(5, SPEECH_S)
        undisturbed = await consult(url, audio, lab.speed)
        before_mb = server.memory_mb()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.chaos.fuzz", *map(str, (server.url, server.pid, count, lab.seed))),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            await process.stdout.readline()
            process.stdin.write(b"\n")
            answer = asyncio.create_task(process.stdout.readline())
            peak_mb = before_mb
            while not answer.done() or not good:
                outcome.same(f"good session {good}", await consult(url, audio, lab.speed), undisturbed)
                good += 1
                peak_mb = max(peak_mb, server.memory_mb())
            found: dict[str, Any] = json.loads(await answer or b"{}")
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        await server.empty()
        after_mb = server.memory_mb()
        for _ in range(int(SETTLE_S * 4)):
            if (after_mb := server.memory_mb()) <= before_mb + SETTLED_MB:
                break
            await asyncio.sleep(0.25)
        outcome.expect(server.alive, "the server ended")
        log = server.log()
    outcome.faults += found.get("faults", ["the frames could not be sent: see the message above"])
    sent = found.get("sent", {})
    outcome.expect(sum(sent.values()) >= count, f"{sum(sent.values())} of {count} frames were sent")
    outcome.expect(
        after_mb <= before_mb + SETTLED_MB, f"memory {after_mb:.0f} MB afterwards, {before_mb:.0f} MB before"
    )
    for sign in CRASHES:
        outcome.expect(sign not in log, f"the server's log holds: {sign}")
    secrets = sum(secret in log for secret in found.get("secrets", []))
    outcome.expect(not secrets, f"{secrets} marked words, ids or tokens stand in the log")
    outcome.figures |= {
        "sent": sent,
        "good_sessions": good,
        "answers": found.get("codes", {}),
        "memory_mb": {"before": before_mb, "peak": peak_mb, "after": after_mb},
    }
    return outcome
