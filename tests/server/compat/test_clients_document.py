"""Every listing of docs/clients.md runs as it stands there."""

import asyncio
import json
import re
import shlex
import sys
import wave
from pathlib import Path

import pytest
import pytest_asyncio
from typer.main import get_command

from drtranscribe import Consultation
from inference.config import EngineConfig
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from server.cli.main import app as command
from server.settings import load
from tests.project.test_programs import node, run
from tests.support.live import serving
from tests.support.speech import pcm
from tests.support.tools import tool

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


async def test_openais_client_is_pointed_here(server, wav, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    (language, text), _ = listings("OpenAI's clients")
    out = await ran(tmp_path, language, text, f"{server}/v1", wav)
    segments, _, streamed = out.rpartition("\n")
    assert re.search(r"^ +\d\.\d\d clinician: Good morning", segments, re.MULTILINE)
    assert re.search(r"^ +\d\.\d\d patient: .*sore throat", segments, re.MULTILINE)
    assert "sore throat" in streamed


async def curl(text: str, folder: Path, **environment: str) -> str:
    """What a listing for a shell prints, without the progress that curl shows."""
    tool("curl")
    known = [f"{name}={value}" for name, value in environment.items()]
    code, out, err = await run("env", "-C", folder, *known, "bash", "-c", text.replace("curl ", "curl -sS ", 1))
    assert (code, err) == (0, "")
    return out


async def test_curl_sends_a_recording(server, wav):
    _, (_, text) = listings("OpenAI's clients")
    assert "http://127.0.0.1:8765" in text
    wav.with_name("visit.wav").write_bytes(wav.read_bytes())
    out = await curl(text.replace("http://127.0.0.1:8765", server), wav.parent, OPENAI_API_KEY="none")
    assert "sore throat" in json.loads(out)["text"]


async def test_curl_reads_the_events_of_a_session_until_it_ends(server, wav, tmp_path):
    ((_, text),) = listings("Read-only viewers")
    assert "https://scribe.example/v1/sessions/ID/" in text
    async with Consultation.connect(f"{server.replace('http', 'ws')}/ws", channels=2, mode="dual") as consultation:
        told = asyncio.create_task(
            curl(
                text.replace("https://scribe.example", server).replace("/ID/", f"/{consultation.session_id}/"),
                tmp_path,
                KEY="none",
            )
        )
        with wave.open(str(wav)) as file:
            await consultation.send(file.readframes(file.getnframes()))
        await consultation.stop()
        events = [json.loads(line[6:]) for line in (await told).splitlines() if line.startswith("data: ")]
    assert events[0]["type"] == "session_started"
    assert any("sore throat" in event["segment"]["text"] for event in events if event["type"] == "transcript")
    assert events[-1]["type"] == "session_stopped"


async def test_no_listing_of_the_document_is_left_out():
    """What stands here runs above; a listing that is new needs a test."""
    run_above = {
        "Your own client in Python": 2,
        "Your own client in JavaScript": 1,
        "Read-only viewers": 1,
        "The extension of the public drTranscribe": 1,
        "Deepgram's clients": 1,
        "OpenAI's clients": 2,
    }
    counts = {heading: len(listings(re.escape(heading))) for heading in re.findall("^## (.+)$", DOCUMENT, re.MULTILINE)}
    assert {heading: count for heading, count in counts.items() if count} == run_above
    assert (
        sum(counts.values()) == len(LISTING.findall(DOCUMENT)) == len(re.findall("^ *```", DOCUMENT, re.MULTILINE)) / 2
    )
    assert re.findall("`curl [^`]", LISTING.sub("", DOCUMENT)) == []
