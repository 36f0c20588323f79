"""Chromium with a microphone that hears a file, and a page that notes when things happen."""

import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

SAMPLE_RATE = 16_000
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--enable-precise-memory-info",
]

TIMES = """
window.times = {};
const note = (name) => { times[name] ??= Date.now(); };
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await ask(wanted);
  note("microphone");
  return stream;
};
addEventListener("DOMContentLoaded", () => {
  new MutationObserver(() => {
    if (document.querySelector("#partials .words, #finals .words")) note("words");
    const state = document.getElementById("connection").dataset.state;
    if (state === "waiting") delete times.connected;
    if (state === "open") note("connected");
  }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-state"] });
});
"""
"""JavaScript for every page: when the microphone opened, first words stood on the screen, the connection was made."""


def write_wav(path: Path, samples: NDArray[np.int16]) -> None:
    """Writes [samples] at 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


@asynccontextmanager
async def chromium(executable: str, microphone: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"]
        browser = await playwright.chromium.launch(executable_path=executable, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visit(browser: Browser, url: str, script: str = TIMES) -> AsyncIterator[tuple[BrowserContext, Page]]:
    """A page in a profile of its own, on which a consultation has been started."""
    context = await browser.new_context(bypass_csp=True)  # the page allows no eval, which waiting for a condition needs
    await context.grant_permissions(["microphone"])
    page = await context.new_page()
    await page.add_init_script(script)
    await page.goto(url)
    await page.get_by_label("The patient agrees").check()
    await page.get_by_role("button", name="Start").click()
    try:
        yield context, page
    finally:
        await context.close()
