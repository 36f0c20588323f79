"""Other people's programs: those of examples/, and what `pip install drtranscribe` gives to an empty environment.

Everything runs against one real server with real engines and real speech. The tests of the empty environment need a
package index, as pip is configured; `-m "not index"` leaves them out where there is none.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import wave
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp.test_utils import unused_port

from inference.config import EngineConfig
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from server.app import SESSIONS
from tests.support.access import key, text_of
from tests.support.live import serving
from tests.support.speech import pcm

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one server for all of them
index = pytest.mark.index

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SECONDS = 12
"""Of the sample for the examples: what brings the patient in, and the answer."""

PROGRAM = """
import asyncio, json, sys, wave
from pathlib import Path
from drtranscribe import Consultation

async def main(url, path):
    with wave.open(path) as wav:
        pcm = wav.readframes(wav.getnframes())
    finals, findings = [], {}
    async with Consultation.connect(url, channels=2, mode="dual", language="en", patient={"age": 61}) as consultation:
        await consultation.send(pcm)
        stopped = await consultation.stop()
        async for event in consultation:
            if event["type"] == "transcript" and event["segment"]["final"] and event["segment"]["text"]:
                finals.append(event["segment"])
            elif event["type"] == "extraction":
                for operation in event["ops"]:
                    findings[operation["finding"]["id"]] = operation
    kept = [operation["finding"] for operation in findings.values() if operation["op"] != "retract"]
    record = json.loads(await consultation.record())
    print(json.dumps({"finals": finals, "findings": kept, "stopped": stopped, "record": record}))

asyncio.run(main(*sys.argv[1:]))
"""
LISTED = (
    "import json; from importlib.metadata import distributions; "
    "print(json.dumps(sorted({d.metadata['Name'].lower() for d in distributions()})))"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(vad, tiny) -> AsyncIterator[str]:
    """The URL of a real server's WebSocket."""
    async with serving(Pipeline(vad, tiny, [RulesExtractor()], EngineConfig())) as running:
        yield running.url.replace("http", "ws") + "/ws"


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """The folder with the programs of an environment that holds the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("wheel")
    source, environment = folder / "source", folder / "environment"
    source.mkdir()
    # A copy: setuptools leaves a build/ folder, whose old modules would be in the next wheel.
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("drtranscribe", "inference", "server", "benchmarks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    pip("--python", environment / "bin" / "python", "install", "--no-compile", "-c", ROOT / "constraints.txt", wheel)
    return environment / "bin"


def pip(*arguments) -> None:
    ended = subprocess.run([sys.executable, "-m", "pip", *map(str, arguments)], capture_output=True, text=True)
    if ended.returncode:
        reason = ended.stderr.strip()
        pytest.fail(f'pip failed; without a package index leave this out with -m "not index":\n{reason}', pytrace=False)


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


async def test_the_examples_print_the_transcript_and_the_findings_of_a_recording(server, wav, tmp_path):
    python, javascript = await command_of("transcribe.py"), await command_of("transcribe.cjs")
    ended = await asyncio.gather(
        run(*python, server, wav, "--speed", 20, "--record", tmp_path / "record.md"),
        run(*javascript, server, wav, 20),
    )
    for code, out, err in ended:
        assert (code, err) == (0, "")
        assert re.search(r"^ *[0-9.]+s clinician: Good morning", out, re.MULTILINE)
        assert re.search(r"^ *[0-9.]+s patient: .*sore throat", out, re.MULTILINE)
        assert re.search(
            r'^ +add (chief_complaint|symptom): sore throat \(present\), since ".*sore throat', out, re.MULTILINE
        )
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


@index
async def test_the_wheel_alone_brings_aiohttp_and_nothing_of_the_server(environment):
    _, out, _ = await run(environment / "python", "-c", LISTED)
    installed = set(json.loads(out))
    assert {"drtranscribe", "aiohttp", "yarl"} <= installed
    required = {"aiohappyeyeballs", "aiosignal", "attrs", "frozenlist", "idna", "multidict", "propcache"}
    assert installed - required - {"drtranscribe", "aiohttp", "yarl", "typing-extensions", "typing_extensions"} == set()


@index
async def test_the_client_alone_streams_the_sample_and_gets_transcript_findings_and_record(
    server, environment, tmp_path, dual_consultation
):
    wav = write_wav(tmp_path / "consultation.wav", dual_consultation)
    code, out, err = await run(environment / "python", "-I", "-W", "error", "-c", PROGRAM, server, wav)
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (
        told["stopped"]["transcribed_s"] == told["stopped"]["audio_s"] == round(dual_consultation.shape[1] / 16_000, 3)
    )
    texts = {segment["id"]: segment["text"] for segment in told["finals"]}
    assert "sore throat" in " ".join(texts.values())
    assert "sore throat" in {finding["text"] for finding in told["findings"]}
    for finding in told["findings"]:
        for quote in finding["evidence"]:
            assert texts[quote["segment"]][quote["start"] : quote["end"]] == quote["quote"]
    assert told["record"]["findings"] == told["findings"]
    assert told["record"]["patient"]["age"] == 61


@index
@pytest.mark.parametrize("command", [["drtranscribe", "serve"], ["python", "-Im", "server", "--version"]])
async def test_the_command_says_what_to_install_where_the_server_is_missing(environment, command):
    code, out, err = await run(environment / command[0], *command[1:])
    assert (code, out) == (2, "")
    assert re.fullmatch(r"The server is not installed here, .+ more: pip install 'drtranscribe\[server\]'\n", err)


@index
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import server.client", "drtranscribe"),
        ("from server.client import Consultation", "drtranscribe"),
        ("from server import record_client", "drtranscribe.record"),
        ("from inference.asr import WhisperAsr", "inference.asr.whisper.WhisperAsr"),
        ("import inference.merging", "inference.extraction.evidence.merging"),
    ],
)
async def test_an_import_of_an_old_name_says_the_new_one(environment, old, new):
    code, _, err = await run(environment / "python", "-I", "-c", old)
    assert code == 1
    assert err.endswith(f" has moved: it is {new} now\n")


@index
async def test_a_users_type_checker_takes_the_example_and_finds_a_wrong_field(environment, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "from drtranscribe import Consultation\n"
        "async def wrong(consultation: Consultation) -> None:\n"
        "    [event['lag'] async for event in consultation if event['type'] == 'progress']\n"
    )
    checker = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", tmp_path / "cache"]
    _, out, _ = await run(*checker, "--python-executable", environment / "python", EXAMPLES / "transcribe.py", program)
    assert [line.partition(": error: ")[2] for line in out.splitlines()[:-1]] == [
        'TypedDict "Progress" has no key "lag"  [typeddict-item]'
    ]


@pytest.mark.parametrize("example", ["transcribe.py", "transcribe.cjs"])
async def test_an_example_shows_the_key_of_its_environment_to_a_server_that_asks_for_one(example, wav, tmp_path):
    header = key(tmp_path / "keys.json", "ward-3")
    command = [*await command_of(example), None, str(wav)]
    async with serving(keys_file=tmp_path / "keys.json") as running:
        command[-2] = running.url.replace("http", "ws") + "/ws"
        ended = {}
        for name, text in {"without": "", "with": text_of(header)}.items():
            speed = ["--speed", "50"] if example.endswith(".py") else ["50"]
            environment = {**os.environ, "DRTRANSCRIBE_KEY": text}
            process = await create_subprocess_exec(*command, *speed, env=environment, stdout=PIPE, stderr=PIPE)
            _, err = await process.communicate()
            ended[name] = process.returncode, err.decode()
        owners = {session.owner for session in running.app[SESSIONS]._sessions.values()}
    assert ended["without"][0] == 1
    assert ended["with"] == (0, "")
    assert owners == {"key:ward-3"}
