"""The page in a real browser against the real server: from a microphone that hears the sample consultation to findings.

Leaves pictures in the folder that the run names at its end (tests/conftest.py).
"""

import re
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request, expect

from benchmarks.common.network import Relay
from inference.config import EngineConfig
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from server.app import STATIC
from tests.conftest import SCREENSHOTS
from tests.server.static.test_visits import opened
from tests.support.browser import KEPT_ROWS, agree_and_start, chromium, profile, write_wav
from tests.support.live import Server, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEARD_MS = 60_000
SECONDS = 15
LARGEST_BYTES = 100_000
"""Of what the page loads when it is opened, as it is sent; docs/clients.md tells the number."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(vad, tiny) -> AsyncIterator[Server]:
    async with serving(Pipeline(vad, tiny, [RulesExtractor()], EngineConfig())) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(dual_consultation, tmp_path_factory) -> AsyncIterator[Browser]:
    """Chromium, whose microphones hear the beginning of the consultation: the clinician left, the patient right."""
    samples = (dual_consultation[:, : SECONDS * 16_000].T * 32767).astype(np.int16)
    path = write_wav(tmp_path_factory.mktemp("speech") / "consultation.wav", samples)
    async with chromium(path) as browser:
        yield browser


async def photograph(page: Page, name: str) -> None:
    for scheme in ("dark", "light"):
        await page.emulate_media(color_scheme=scheme)
        await page.screenshot(path=SCREENSHOTS / f"page-{name}-{scheme}.png")


async def test_a_visit_goes_from_the_microphone_to_findings_through_a_lost_network_a_reload_and_a_closed_tab(
    server: Server, browser: Browser
) -> None:
    async with Relay(int(server.url.rpartition(":")[2])) as network, profile(browser) as context:
        url = f"http://127.0.0.1:{network.port}/"
        page = await opened(context, url + "?chunk_s=1")
        answer = await page.request.get(url)
        assert answer.headers["content-security-policy"].startswith("default-src 'self'; connect-src 'self'")
        await page.get_by_label("Speakers").select_option("stereo")
        await photograph(page, "form")
        await agree_and_start(page)
        finals, patient = page.locator("#finals > .segment"), page.locator('#finals [data-speaker="patient"]')
        await expect(patient.first).to_contain_text("throat", timeout=HEARD_MS)
        await expect(patient.first.locator(".speaker")).to_have_text("Patient")
        throat = page.locator(".finding").filter(has_text="sore throat")
        await throat.get_by_role("button").first.click(timeout=HEARD_MS)
        await expect(page.locator("mark").first).to_contain_text("sore throat")
        await photograph(page, "listening")

        await network.cut()
        await expect(page.locator("#connection")).to_contain_text("Reconnecting")
        await photograph(page, "cut")
        await network.restore()
        await expect(page.locator("#connection")).to_have_text("Connected")

        said = await finals.first.locator(".words").inner_text()
        await page.reload()
        await expect(page.locator("#phase")).to_have_text("Listening")
        await expect(finals.first.locator(".words")).to_have_text(said)
        await expect(throat).to_be_visible()
        gap = page.locator("#finals .gap")
        await expect(gap).to_contain_text("this page was closed, reloaded or crashed")
        again_from = await page.locator("#elapsed").inner_text()
        await expect(page.locator("#elapsed")).not_to_have_text(again_from)
        await page.wait_for_function("document.getElementById('lag').textContent", timeout=HEARD_MS)

        await page.close()
        page = await opened(context, url)
        await expect(page.get_by_role("heading", name="A visit was interrupted at")).to_be_visible()
        await photograph(page, "interrupted")
        await page.get_by_role("button", name="Go on with it").click()
        await expect(page.locator("#phase")).to_have_text("Listening")
        await expect(page.locator("#finals .gap")).to_have_count(2)
        await photograph(page, "gaps")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator("#summary")).to_contain_text("Consultation finished.", timeout=HEARD_MS)
        await photograph(page, "ended")
        told = re.search(r"(\d+) segment", await page.locator("#summary-text").inner_text())
        assert told is not None
        assert int(told[1]) == await page.locator("#finals > .segment").count()
        assert await page.evaluate(KEPT_ROWS) == 0


async def test_the_page_is_small_comes_compressed_and_loads_nothing_from_another_host(
    server: Server, browser: Browser
) -> None:
    async with profile(browser) as context:
        page = await context.new_page()
        finished: list[Request] = []
        page.on("requestfinished", lambda request: finished.append(request))
        await page.goto(server.url, wait_until="networkidle")
        loaded = {request.url: (await request.sizes())["responseBodySize"] for request in finished}
        code = next(request for request in finished if request.url.endswith("/app.js"))
        response = await code.response()
        assert response is not None
        assert response.headers["content-encoding"] in ("gzip", "deflate")
        assert await response.text() == (STATIC / "app.js").read_text()
    assert all(address.startswith(server.url) for address in loaded)
    assert len(loaded) > 20
    assert 20_000 < sum(loaded.values()) < LARGEST_BYTES, loaded
    async with server.http.get(f"{server.url}/static/app.js", headers={"Range": "bytes=0-9"}) as part:
        assert (part.status, await part.read()) == (206, (STATIC / "app.js").read_bytes()[:10])
        seen = {"If-None-Match": part.headers["ETag"]}
    async with server.http.get(f"{server.url}/static/app.js", headers=seen) as same:
        assert (same.status, same.headers.get("Content-Encoding"), await same.read()) == (304, None, b"")
