"""One browser for the tests of this folder; its microphone is the browser's own beep.

The imports wait: without the browser, `tests.server.test_page` skips the module that imports it.
"""

import shutil
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

if TYPE_CHECKING:
    from tests.server.page.visiting import NoteServer


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    from tests.server.test_page import FLAGS

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
def server() -> "NoteServer":
    from tests.server.page.visiting import NoteServer

    return NoteServer()
