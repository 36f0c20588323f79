"""One browser for the tests of this folder; its microphone is the browser's own beep.

The import of `visiting` waits: without the browser, `tests.server.test_page` skips the module that imports it.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.support.browser import chromium

if TYPE_CHECKING:
    from tests.server.page.visiting import NoteServer


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
def server() -> "NoteServer":
    from tests.server.page.visiting import NoteServer

    return NoteServer()
