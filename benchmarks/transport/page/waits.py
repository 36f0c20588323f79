"""Seconds until the first words stand on the screen, and until a visit goes on once the network is back."""

import asyncio
import time

from playwright.async_api import Browser

from benchmarks.common.network import Relay
from benchmarks.transport.page.browser import visit

WAIT_MS = 60_000
CUTS_S = (1.0, 3.0, 7.0, 12.0, 20.0)
SWALLOWED_S = (10.0, 45.0)
"""The page takes a connection for dead after 30 s without an answer: one outage is shorter, one longer."""
STATE = "document.getElementById('connection').dataset.state"


async def first_words(browser: Browser, url: str, chunk_s: float, times: int) -> dict[str, list[float]]:
    """Seconds to the first words on the screen, from the opening of the microphone and from the first sound recorded.

    The microphone hears speech at once; what lies between the two is the start of the session.
    """
    waited: dict[str, list[float]] = {"from_opening": [], "from_recording": []}
    for _ in range(times):
        async with visit(browser, f"{url}?chunk_s={chunk_s}") as (_, page):
            await page.wait_for_function("times.words", timeout=WAIT_MS)
            at = await page.evaluate("times")
            waited["from_opening"].append((at["words"] - at["microphone"]) / 1000)
            waited["from_recording"].append((at["words"] - at["connected"]) / 1000)
    return waited


async def resumes(browser: Browser, port: int) -> dict[str, list[float]]:
    """Seconds from the return of the network to the visit that goes on, after outages of `CUTS_S` and `SWALLOWED_S`."""
    async with Relay(port) as network, visit(browser, f"http://127.0.0.1:{network.port}/") as (_, page):
        await page.wait_for_function(f"{STATE} === 'open'", timeout=WAIT_MS)
        cut = []
        for outage_s in CUTS_S:
            await asyncio.sleep(3)
            await network.cut()
            await page.wait_for_function(f"{STATE} === 'waiting'")
            await asyncio.sleep(outage_s)
            back = time.time()
            await network.restore()
            await page.wait_for_function("times.connected", timeout=WAIT_MS)
            cut.append(await page.evaluate("times.connected") / 1000 - back)
        swallowed = []
        for outage_s in SWALLOWED_S:
            await asyncio.sleep(3)
            network.swallow()
            await asyncio.sleep(outage_s)
            back = time.time()
            await network.restore()
            # Where the page has not noticed the outage, its connection just goes on.
            await page.wait_for_function(f"{STATE} === 'open'", timeout=WAIT_MS)
            swallowed.append(max(0.0, await page.evaluate("times.connected") / 1000 - back))
    return {"cut": cut, "swallowed": swallowed}
