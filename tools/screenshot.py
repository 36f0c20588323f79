"""Takes the picture of the page that the README shows: the sample consultation, played through a real server.

Needs Debian's `chromium` and the weights of `base` (the extra `models`). Run it from the root of the repository:

    .venv/bin/python -m tools.screenshot
"""

import asyncio
import shutil
from pathlib import Path

from playwright.async_api import Page, ViewportSize, async_playwright, expect

from server.runtime import running
from server.settings import Settings

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "tests" / "data" / "consultation.flac"
PICTURE = ROOT / "docs" / "page.png"

SIZE = ViewportSize(width=1160, height=700)
LARGEST_BYTES = 150_000
WAIT_MS = 120_000

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


async def play(page: Page, audio: Path, speed: str) -> None:
    """Starts a consultation in dual mode from an audio file, as a user does it."""
    await page.get_by_label("Audio file", exact=True).first.check()
    await page.locator("#file").set_input_files(audio)
    await page.get_by_label("Speed").select_option(speed)
    await page.get_by_label("Two channels").check()
    await page.get_by_label("The patient agrees").check()
    await page.get_by_role("button", name="Start").click()


async def show(page: Page, finals: int, finding: str) -> None:
    """Waits until the page has `finals` final segments and the finding, then highlights the words that prove it."""
    await expect(page.locator("#finals > li").nth(finals - 1)).to_be_visible(timeout=WAIT_MS)
    shown = page.locator(".finding").filter(has_text=finding).get_by_role("button").first
    await shown.click(timeout=WAIT_MS)
    await expect(page.locator("mark").first).to_be_visible()


async def take(speed: str = "1", finals: int = 8, finding: str = "penicillin") -> bytes:
    """Returns the picture as PNG. Raises SystemExit where the browser is missing."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("needs the browser: apt-get install chromium")
    async with running(Settings.model_validate({"port": 0, "device": "cpu", "model": "base"})) as server:
        await server.warm
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = await browser.new_page(viewport=SIZE, color_scheme="light")
            await page.goto(server.address)
            await play(page, SAMPLE, speed)
            await show(page, finals, finding)
            picture = await page.screenshot()
            await browser.close()
    return picture


def main() -> None:
    picture = asyncio.run(take())
    if len(picture) > LARGEST_BYTES:
        raise SystemExit(f"the picture has {len(picture)} bytes: make the window smaller, at most {LARGEST_BYTES} fit")
    PICTURE.write_bytes(picture)
    print(f"{PICTURE}: {len(picture)} bytes")


if __name__ == "__main__":
    main()
