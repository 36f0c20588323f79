"""One browser for the tests of this folder; its microphone is the browser's own beep."""

import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.server.page.visiting import NoteServer
from tests.server.test_page import FLAGS


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
def server() -> NoteServer:
    return NoteServer()
