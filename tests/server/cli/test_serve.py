"""`drtranscribe serve`: as a process whose engine fails for good, and where it cannot start."""

import asyncio
import json
import signal
import ssl
import sys
from asyncio import create_subprocess_exec as create
from asyncio.subprocess import PIPE
from contextlib import suppress

import aiohttp
import pytest
import torch
from typer.testing import CliRunner

from inference.device import cublas
from server.access.exposure import OPEN
from server.cli.main import app
from server.cli.serve import ENGINE_FAILED_STATUS
from server.runtime import build_pipeline
from server.settings import Settings, SettingsError
from tests.support.access import key, text_of
from tests.support.fakes import speech
from tests.support.tools import certificate

SERVER = """
import server.runtime
from inference.config import AsrConfig, EngineConfig
from inference.device.faults import DeviceError
from inference.pipeline import Pipeline
from server.cli.main import main
from tests.support.fakes import LevelAsr, LoudnessVad

class Breaking(LevelAsr):
    def transcribe(self, requests, mels=None):
        if any(abs(request.audio).max() > 0.8 for request in requests):
            raise DeviceError("the device failed (an illegal memory access): see its driver's log")
        return super().transcribe(requests)
    def restart(self):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

def build(settings, observe_batch, out_of_memory):
    return Pipeline(LoudnessVad(), Breaking(), [], EngineConfig(asr=AsrConfig(workers=1)))

server.runtime.build_pipeline = build
main()
"""

SLOW_SERVER = """
import threading
import server.runtime
from inference.pipeline import Pipeline
from server.cli import entry
from tests.support.fakes import LevelAsr, LoudnessVad

def wait_for_ever(*_):
    print("busy", flush=True)
    threading.Event().wait()

class Slow(LevelAsr):
    rehearse = wait_for_ever

def build(settings, *observers):
    if STEP == "loading":
        wait_for_ever()
    return Pipeline(LoudnessVad(), Slow(), [])

if STEP == "importing":
    entry.missing_packages = wait_for_ever
server.runtime.build_pipeline = build
entry.main()
"""


@pytest.mark.parametrize(
    ("step", "number"),
    [
        ("importing", signal.SIGTERM),
        ("loading", signal.SIGTERM),
        ("loading", signal.SIGINT),
        ("warming up", signal.SIGTERM),
    ],
)
async def test_a_signal_ends_a_start_that_would_never_be_done_with_the_status_of_a_stopped_server(step, number):
    code = f"STEP = {step!r}\n{SLOW_SERVER}"
    process = await create(sys.executable, "-c", code, "serve", "--port", "0", stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(60):
            # Two threads may say it at once.
            while not (line := await process.stdout.readline()).startswith(b"busy"):
                assert line, "it ended before it was busy"
            process.send_signal(number)
            out, err = await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    assert (process.returncode, b"ready" in out) == (0, False)
    assert err.decode().removesuffix(f"{OPEN}\n") == ""


async def test_a_server_whose_engine_is_gone_tells_its_clients_and_ends_with_a_status_and_a_last_line():
    process = await create(sys.executable, "-c", SERVER, "serve", "--port", "0", stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(60), aiohttp.ClientSession() as http:
        address = (await process.stdout.readline()).decode().strip()
        assert await process.stdout.readline() == b"ready\n"
        async with http.ws_connect(f"{address}ws", protocols=["drtranscribe.v1"]) as ws:
            await ws.send_json({"type": "start_session", "consent": True})
            await ws.send_bytes(speech((1.0, 0.5), (2.0, 0)))
            await ws.send_bytes(speech((1.0, 0.9), (2.0, 0)))
            events = [json.loads(message.data) async for message in ws]
            assert ws.close_code == 1001
        _, err = await process.communicate()
    assert process.returncode == ENGINE_FAILED_STATUS
    assert [event["segment"]["text"][-4:] for event in events if event["type"] == "transcript"] == ["0.50"]
    assert {"asr_failed", "engine_failed"} <= {event["code"] for event in events if event["type"] == "error"}
    assert (events[-1]["type"], events[-1]["reason"], events[-1]["segments"]) == ("session_stopped", "shutdown", 1)
    last = err.decode().splitlines()[-1]
    assert last.startswith("the engine failed for good: the device failed (an illegal memory access)")
    assert str(ENGINE_FAILED_STATUS) in last


def ends(*flags):
    """The exit status of `drtranscribe serve` that cannot start, and its only line on standard error."""
    result = CliRunner().invoke(app, ["serve", "--port", "0", "--model", "tiny.en", *flags])
    assert isinstance(result.exception, SystemExit), result.exception
    (line,) = result.stderr.splitlines()
    return result.exit_code, line


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--devices", "0,0"], "--devices: GPU 0 is named twice"),
        (["--devices", "0,1"], "--devices: 2 GPUs are named, and a server uses one"),
        (["--devices", "first"], "--devices: "),
        (["--devices", "0", "--device", "cpu"], "--devices names a GPU and --device is cpu"),
        (["--switch-interval-s", "0"], "--switch-interval-s: "),
    ],
)
def test_a_wrong_setting_of_the_gpu_is_one_line_and_status_2(flags, told):
    status, line = ends(*flags)
    assert status == 2
    assert line.startswith(told)


@pytest.mark.parametrize("flags", [["--device", "cuda"], ["--devices", "0"]])
@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("Found no NVIDIA driver on your system.", "install one, give a container its GPU, or use --device cpu"),
        ("The NVIDIA driver on your system is too old (found version 11040).", "install R580 or newer"),
    ],
)
def test_a_host_without_a_usable_gpu_is_one_line_and_status_2(monkeypatch, flags, said, remedy):
    def init():
        raise RuntimeError(said)

    monkeypatch.setattr(torch.cuda, "init", init)
    status, line = ends(*flags)
    assert status == 2
    assert line.startswith(" ".join(flags))
    assert remedy in line


@pytest.fixture
def card(monkeypatch):
    """A host with one card; its free and whole memory in bytes may be set."""
    monkeypatch.setattr(cublas, "loads", lambda name: True)
    memory = [70_000_000_000, 80_000_000_000]
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Card")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: tuple(memory))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return memory


def test_a_gpu_that_is_not_there_is_one_line_and_status_2(card):
    assert ends("--devices", "3") == (2, "there is no GPU 3: name one: 0 (Card)")


def test_a_card_with_too_little_memory_is_one_line_and_status_2(card):
    card[0] = 500_000_000
    status, line = ends()
    assert status == 2
    assert line.startswith("GPU 0 has 0.5 GB of its 80.0 GB free, and the model needs about 1.2 GB: ")
    assert line.endswith("choose a smaller --model")


def test_a_host_without_cublas_12_is_told_what_to_install(card, monkeypatch):
    monkeypatch.setattr(cublas, "loads", lambda name: False)
    monkeypatch.setattr(cublas, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"needs libcublas\.so\.12 on a GPU, and there is none"):
        build_pipeline(Settings(device="cuda", model="tiny.en"))
    status, line = ends("--device", "cuda")
    assert status == 2
    assert line.endswith("and there is none: pip install drtranscribe[gpu]")


def test_the_switch_interval_follows_from_the_device_unless_it_is_given(card, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(sys, "setswitchinterval", asked.append)
    for flags in (["--devices", "3"], ["--devices", "3", "--switch-interval-s", "0.002"]):
        ends(*flags)
    ends("--device", "cpu", "--model", str(tmp_path))
    assert asked == [0.0005, 0.002, 0.005]


def test_a_public_address_without_keys_and_tls_is_refused_before_anything_is_loaded():
    result = CliRunner().invoke(app, ["serve", "--host", "0.0.0.0", "--port", "0", "--model", "no such model"])
    assert result.exit_code == 2
    keys, tls = result.stderr.splitlines()
    assert keys.startswith(
        "--host 0.0.0.0: whoever reaches this address could start and read sessions: give --keys-file"
    )
    assert tls.startswith(
        "--host 0.0.0.0: patients' words and keys would cross the network in plain text: give --tls-cert"
    )


def test_files_of_keys_and_certificates_that_are_not_there_are_told_before_anything_is_loaded(tmp_path):
    missing = tmp_path / "none"
    assert ends("--keys-file", str(missing))[0] == 2
    assert ends("--keys-file", str(missing))[1].startswith(f"--keys-file: there is no keys file {missing}")
    result = CliRunner().invoke(app, ["serve", "--port", "0", "--tls-cert", str(missing), "--tls-key", str(missing)])
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        f"--tls-cert, --tls-key: {missing} cannot be read: No such file or directory",
    )


def test_a_template_that_cannot_be_used_is_told_with_file_and_line_before_anything_is_loaded(tmp_path):
    (tmp_path / "ward.txt").write_text("{{ notice }}\n{% for x in %}")
    result = CliRunner().invoke(app, ["serve", "--port", "0", "--model", "no such model", "--templates", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"--templates: {tmp_path}/ward.txt, line 2: ")
    assert result.stderr.endswith("correct it, or take the file out of the folder\n")


async def test_a_server_with_keys_and_tls_reads_a_new_certificate_and_a_new_key_while_it_serves(tmp_path):
    cert, private = certificate(tmp_path, "server", "server")
    keys = tmp_path / "keys.json"
    header = key(keys, "ward-3")
    flags = ["--keys-file", str(keys), "--tls-cert", str(cert), "--tls-key", str(private)]
    process = await create(sys.executable, "-c", SERVER, "serve", "--port", "0", *flags, stdout=PIPE, stderr=PIPE)
    trusted = ssl.create_default_context(cafile=cert)
    async with asyncio.timeout(60):
        address = (await process.stdout.readline()).decode().strip()
        assert await process.stdout.readline() == b"ready\n"
        assert address.startswith("https://")

        async def name():
            """The common name in the certificate that a new connection gets."""
            _, writer = await asyncio.open_connection(
                "127.0.0.1", int(address.rstrip("/").rpartition(":")[2]), ssl=trusted
            )
            subject = dict(part[0] for part in writer.get_extra_info("peercert")["subject"])
            writer.close()
            return subject["commonName"]

        assert await name() == "server"
        other, its_key = certificate(tmp_path, "other", "other")
        trusted.load_verify_locations(other)
        cert.write_bytes(other.read_bytes())
        private.write_bytes(its_key.read_bytes())
        process.send_signal(signal.SIGHUP)
        while await name() != "other":  # noqa: ASYNC110 - nothing tells when a signal has been handled
            await asyncio.sleep(0.02)
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted), headers=header) as http,
            http.ws_connect(f"{address}ws", protocols=["drtranscribe.v1"]) as ws,
        ):
            await ws.send_json({"type": "start_session", "consent": True})
            assert (await ws.receive_json())["consent"]["by"] == "ward-3"
        process.terminate()
        _, err = await process.communicate()
    assert process.returncode == 0
    assert text_of(header).encode() not in err
