"""The programs of examples/ as their users run them, against a real server with real engines and real speech."""

import asyncio
import re
import shutil
import sys
import wave
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port

from inference.config import EngineConfig
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from tests.support.live import serving
from tests.support.speech import pcm

EXAMPLES = Path(__file__).parents[2] / "examples"
SECONDS = 12
"""Of the sample: what brings the patient in, and the answer."""


@pytest.fixture
def wav(tmp_path, dual_consultation) -> Path:
    return write_wav(tmp_path / "consultation.wav", dual_consultation[:, : SECONDS * 16_000])


def write_wav(path: Path, samples) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((len(samples), 2, 16_000, 0, "NONE", ""))
        file.writeframes(pcm(samples))
    return path


async def node() -> list[str]:
    """The command that runs a Node program with a WebSocket: what examples/transcribe.cjs says of each version."""
    program = shutil.which("node")
    assert program, "this test needs Node: apt-get install nodejs node-ws"
    for command in ([program], [program, "--experimental-websocket"]):
        code = "process.exit(globalThis.WebSocket ? 0 : 1)"
        tried = await create_subprocess_exec(*command, "-e", code, stdout=PIPE, stderr=PIPE)
        await tried.communicate()
        if tried.returncode == 0:
            return [*command, "--no-warnings"]
    return [program]


async def run(*command) -> tuple[int | None, str, str]:
    process = await create_subprocess_exec(*map(str, command), stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def command_of(example: str) -> list[str]:
    return [*(await node() if example.endswith(".cjs") else [sys.executable]), str(EXAMPLES / example)]


@pytest.mark.parametrize("example", ["transcribe.py", "transcribe.cjs"])
async def test_an_example_prints_the_transcript_and_the_findings_of_a_recording(example, wav, vad, tiny):
    command = await command_of(example)
    async with serving(Pipeline(vad, tiny, [RulesExtractor()], EngineConfig())) as server:
        more = ["--speed", 20] if example.endswith(".py") else [20]
        code, out, err = await run(*command, server.url.replace("http", "ws") + "/ws", wav, *more)
    assert (code, err) == (0, "")
    assert re.search(r"^ *[0-9.]+s clinician: Good morning", out, re.MULTILINE)
    assert re.search(r"^ *[0-9.]+s patient: .*sore throat", out, re.MULTILINE)
    assert re.search(
        r'^ +add (chief_complaint|symptom): sore throat \(present\), since ".*sore throat', out, re.MULTILINE
    )


async def test_the_python_example_writes_the_record(wav, tmp_path, vad, tiny):
    async with serving(Pipeline(vad, tiny, [RulesExtractor()], EngineConfig())) as server:
        arguments = [server.url, wav, "--speed", 20, "--record", tmp_path / "record.md"]
        code, _, err = await run(*await command_of("transcribe.py"), *arguments)
    assert (code, err) == (0, "")
    assert "sore throat" in (tmp_path / "record.md").read_text()


@pytest.mark.parametrize("example", ["transcribe.py", "transcribe.cjs"])
async def test_an_example_says_what_is_wrong_where_no_server_runs(example, wav):
    code, out, err = await run(*await command_of(example), f"ws://127.0.0.1:{unused_port()}/ws", wav)
    assert (code, out) == (1, "")
    assert "is the server running there" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("example", ["transcribe.py", "transcribe.cjs"])
async def test_an_example_refuses_samples_that_are_not_16_bit(example, tmp_path):
    with wave.open(str(tmp_path / "bytes.wav"), "wb") as file:
        file.setparams((1, 1, 8_000, 0, "NONE", ""))
        await asyncio.to_thread(file.writeframes, bytes(8_000))
    code, _, err = await run(*await command_of(example), "ws://127.0.0.1:9/ws", tmp_path / "bytes.wav")
    assert code == 1
    assert "not 16-bit" in err
