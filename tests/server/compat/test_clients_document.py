"""Every listing of docs/clients.md about clients of one's own and of other servers runs as it stands there."""

import asyncio
import re
import shlex
import sys
import wave
from pathlib import Path

import pytest
import pytest_asyncio
from typer.main import get_command

from inference.config import EngineConfig
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from server.cli.main import app as command
from server.settings import load
from tests.project.test_programs import node, run
from tests.support.live import serving
from tests.support.speech import pcm

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one server for all of them

DOCUMENT = (Path(__file__).parents[3] / "docs/clients.md").read_text()
LISTING = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 12
LINES = 20
"""As many as a client of one's own needs."""


def listings(heading: str) -> list[tuple[str, str]]:
    """(language, text) of each listing under a heading."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert section is not None, heading
    return LISTING.findall(section[1])


def code_lines(text: str) -> int:
    return len([line for line in text.splitlines() if line.strip()])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tiny, vad):
    engine = Pipeline(vad, tiny, [RulesExtractor()], EngineConfig(), "tiny.en")
    async with serving(engine) as running:
        yield running.url


@pytest.fixture(scope="module")
def wav(tmp_path_factory, dual_consultation) -> Path:
    path = tmp_path_factory.mktemp("audio") / "consultation.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 16_000, 0, "NONE", ""))
        file.writeframes(pcm(dual_consultation[:, : SECONDS * 16_000]))
    return path


async def ran(tmp_path: Path, language: str, text: str, url: str, wav: Path) -> str:
    """What a listing prints."""
    path = tmp_path / ("own.cjs" if language == "javascript" else "own.py")
    await asyncio.to_thread(path.write_text, text)
    command = await node() if language == "javascript" else [sys.executable]
    code, out, err = await run(*command, path, url, wav)
    assert (code, err) == (0, "")
    return out


@pytest.mark.parametrize(
    ("heading", "number", "language"),
    [
        ("Your own client in Python", 0, "python"),
        ("Your own client in Python", 1, "python"),
        ("Your own client in JavaScript", 0, "javascript"),
    ],
)
async def test_a_client_of_ones_own_in_twenty_lines_prints_who_said_what(
    server, wav, tmp_path, heading, number, language
):
    found, text = listings(heading)[number]
    assert (found, code_lines(text) <= LINES) == (language, True)
    out = await ran(tmp_path, language, text, f"{server.replace('http', 'ws')}/ws", wav)
    assert re.search(r"^clinician: Good morning", out, re.MULTILINE)
    assert re.search(r"^patient: .*sore throat", out, re.MULTILINE)


async def test_deepgrams_sdk_is_pointed_here(server, wav, tmp_path):
    ((language, text),) = listings("Deepgram's clients")
    out = await ran(tmp_path, language, text, server, wav)
    assert re.search(r"^0 Good morning", out, re.MULTILINE)
    assert re.search(r"^1 .*sore throat", out, re.MULTILINE)


async def test_the_command_for_the_extension_is_one_of_this_program():
    ((_, text),) = listings("The extension of the public drTranscribe")
    program, name, *flags = shlex.split(text)
    assert (program, name) == ("drtranscribe", "serve")
    with get_command(command).commands["serve"].make_context("serve", flags) as context:
        settings = load({name: value for name, value in context.params.items() if name != "config"})
    assert (settings.legacy, settings.port) == (True, 8080)
    assert settings.legacy_users is not None


async def test_no_listing_of_these_headings_is_left_out():
    counts = {
        "Your own client in Python": 2,
        "Your own client in JavaScript": 1,
        "The extension of the public drTranscribe": 1,
        "Deepgram's clients": 1,
    }
    assert {heading: len(listings(heading)) for heading in counts} == counts
