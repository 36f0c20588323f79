"""The GPU benchmark on a host that has PyTorch, transformers, aiohttp and numpy, and nothing else of this project's."""

import json
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu import bundle
from inference.config import SAMPLE_RATE

BARE = """
import runpy, sys
from importlib.machinery import PathFinder
ABSENT = {"av", "faster_whisper", "jiwer", "matplotlib", "openai", "prometheus_client", "psutil", "pydantic",
          "pydantic_core", "rich", "soxr", "tenacity", "typer", "whisper_normalizer"}
class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in ABSENT else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Bare
sys.argv = sys.argv[1:]
sys.orig_argv = [sys.executable, *sys.argv]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
ROOT = Path(__file__).parents[3]


@pytest.fixture
def wav(tmp_path, consultation) -> Path:
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((consultation[: 40 * SAMPLE_RATE] * 32767).astype("<i2").tobytes())
    return path


def bare(module: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", BARE, module, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_the_benchmark_runs_where_only_what_is_packed_can_be_imported(tmp_path, wav):
    options = ["--device", "cpu", "--short", "--shapes", "toy", "--seconds", "55", "--audio", str(wav)]
    run = bare("benchmarks.gpu", *options, "--output", str(tmp_path / "found"))
    said, _ = run.communicate()
    (path,) = (tmp_path / "found").glob("*.json")
    found = json.loads(path.read_text())
    assert run.returncode == 0, said
    assert found["errors"] == []
    assert found["models"][0]["sweep"]["rows"]
    assert found["models"][0]["streams"]["trials"]
    assert json.loads(said.splitlines()[-1]) == found


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_cut_off_keeps_what_it_measured(tmp_path, wav, end):
    output = tmp_path / "found.json"
    options = ["--device", "cpu", "--short", "--shapes", "toy", "--audio", str(wav), "--output", str(output)]
    run = bare("benchmarks.gpu", *options)
    try:
        while run.poll() is None and not (output.exists() and "rows" in output.read_text().partition('"sweep"')[2]):
            time.sleep(0.05)
        run.send_signal(end)
        said, _ = run.communicate()
    finally:
        run.kill()
    found = json.loads(output.read_text())
    assert found["models"][0]["load"], said
    if end == signal.SIGTERM:
        assert found["errors"] == ["cut off: the parts before this are whole"]


def test_a_bundle_for_another_python_is_refused_with_what_to_do(tmp_path, monkeypatch):
    (tmp_path / bundle.MARK).write_text('{"python": "2.7"}')
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SystemExit, match=r"packed for Python 2\.7.*gpu/bundle\.sh FOLDER 3\."):
        bundle.check()


def test_the_sample_of_a_bundle_needs_no_decoder(tmp_path, monkeypatch, wav):
    from benchmarks.gpu.session import recording

    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    (tmp_path / bundle.MARK).write_text(json.dumps({"python": here}))
    wav.rename(tmp_path / "consultation.wav")
    monkeypatch.syspath_prepend(str(tmp_path))
    bundle.check()
    assert recording(None, None).shape == (40 * SAMPLE_RATE,)
    assert np.abs(recording(None, None)).max() > 0.1
