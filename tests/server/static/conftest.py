"""One browser for the tests of the page in this folder. Its microphones hear 440 Hz on the left and 880 Hz on the right."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.support.browser import LEFT_HZ, RIGHT_HZ, SAMPLE_RATE, chromium, write_wav


@pytest.fixture(scope="package")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    time_s = np.arange(30 * SAMPLE_RATE) / SAMPLE_RATE
    channels = [8000 * np.sin(2 * np.pi * hz * time_s) for hz in (LEFT_HZ, RIGHT_HZ)]
    return write_wav(tmp_path_factory.mktemp("microphone") / "tones.wav", np.stack(channels, axis=1).astype(np.int16))


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser(tones: Path) -> AsyncIterator[Browser]:
    async with chromium(tones) as browser:
        yield browser
