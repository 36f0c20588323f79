"""Real weights and real speech for the tests: everything comes from packages and from tests/data."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from inference.asr.whisper import WhisperAsr
from inference.audio.decoding import Samples
from inference.audio.vad import SileroVad
from inference.config import AsrConfig
from inference.weights.models import default_cache, resolve
from tests.support.speech import load_flac

# A busy machine is slow, not wrong: no test fails for its time.
settings.register_profile("plain", deadline=None, max_examples=60)
settings.load_profile("plain")

DATA = Path(__file__).parent / "data"
SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
"""Where the tests with a browser leave pictures for people to look at."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if any(SCREENSHOTS.glob("*.png")):
        terminalreporter.write_line(f"pictures of the page: {SCREENSHOTS}")


@pytest.fixture(scope="session", autouse=True)
def _one_torch_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def vad() -> SileroVad:
    return SileroVad()


@pytest.fixture(scope="session")
def tiny() -> WhisperAsr:
    """Whisper tiny.en: real, small, English only."""
    return WhisperAsr(resolve("tiny.en", default_cache()), AsrConfig(workers=2))


@pytest.fixture(scope="session")
def base() -> WhisperAsr:
    """Whisper base, the default of a CPU."""
    return WhisperAsr(resolve("base", default_cache()), AsrConfig(workers=2))


@pytest.fixture(scope="session")
def consultation() -> Samples:
    """The sample consultation in ambient mono: [samples] at 16 kHz."""
    return np.mean(load_flac(DATA / "consultation.flac"), axis=0, dtype=np.float32)


@pytest.fixture(scope="session")
def dual_consultation() -> Samples:
    """The sample consultation with a channel for each speaker: [2, samples]."""
    return load_flac(DATA / "consultation.flac")


@pytest.fixture(scope="session")
def sentence() -> Samples:
    return load_flac(DATA / "sentence.flac")[0]


@pytest.fixture(scope="session")
def noise() -> Samples:
    return load_flac(DATA / "noise.flac")[0]


@pytest.fixture(scope="session")
def spanish() -> Samples:
    """ "Deberíamos hacer un análisis de sangre esta semana y mirar otra vez los riñones." """
    return load_flac(DATA / "spanish.flac")[0]
