"""The stages before recognition alone: voice activity detection, and the log-mel beside it.

    python -m benchmarks.speech.vad [--audio FILE] [--device cpu] [--rounds 15] [--output FILE]
    python -m pytest benchmarks/speech/vad.py --benchmark-only

Every session on a host pays for these with every chunk, whether anybody speaks or not. Reported are milliseconds for
each session and chunk of 3 s, by how many sessions share a call:
- vad: `SileroVad.speech_probabilities`, the sessions as they are in life: 3 s are 93.75 frames, so that what is left of
  a frame differs from session to session, and with it the frames of a call;
- stock: the published TorchScript model, a frame at a time, all sessions as rows of one tensor. It keeps one state for
  the whole batch, so that no session could come or go: a lower bound for whoever uses it as it is;
- log_mel: `LogMel`, the chunk followed by the recogniser's 3 s of silence.
One torch thread, as the server has it. wall_ms and cpu_ms are medians over rounds in which the stages take turns, so
that a busy machine slows all of them; each is called once unmeasured before. The last line is JSON.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.common.corpus import load
from benchmarks.common.machine import card
from benchmarks.common.result import deliver
from inference.asr.encoding.mel import LogMel
from inference.audio.decoding import Samples
from inference.audio.vad import SileroVad
from inference.audio.vad_state import VadState
from inference.config import FRAME_SAMPLES, SAMPLE_RATE, AsrConfig, Device, VadConfig

AUDIO = Path(__file__).parents[2] / "tests" / "data" / "consultation.flac"
CHUNK_S = 3
BATCHES = (1, 8, 64)
STAGES = ("vad", "stock", "log_mel")


def stage(name: str, chunks: list[Samples], device: Device) -> Callable[[], object]:
    """One call of the stage for all chunks, which ends when the device has answered."""
    if name == "vad":
        vad = _vad(device)
        step = CHUNK_S * SAMPLE_RATE % FRAME_SAMPLES
        left_over = [i * step % FRAME_SAMPLES for i in range(len(chunks))]
        states = [VadState(remainder=np.zeros(samples, np.float32)) for samples in left_over]
        return lambda: vad.speech_probabilities(chunks, states)
    if name == "stock":
        model, frames = _stock(), torch.from_numpy(np.stack(chunks)).split(FRAME_SAMPLES, dim=1)
        return lambda: _by_frames(model, [frame for frame in frames if frame.shape[1] == FRAME_SAMPLES])
    mel, mel_frames = _log_mel(device), int((CHUNK_S + AsrConfig().margin_s) * 100)

    def log_mel() -> None:
        mel(chunks, mel_frames)
        mel.synchronize()

    return log_mel


@cache
def _vad(device: Device) -> SileroVad:
    return SileroVad(VadConfig(device=device))


@cache
def _log_mel(device: Device) -> LogMel:
    return LogMel(80, device)


@cache
def _stock() -> Any:
    spec = find_spec("silero_vad")  # importing the package would set torch's thread count
    assert spec is not None
    assert spec.origin is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(str(Path(spec.origin).parent / "data" / "silero_vad.jit"))


@torch.inference_mode()
def _by_frames(model: Any, frames: list[torch.Tensor]) -> torch.Tensor:
    model.reset_states()
    return torch.cat([model(frame, SAMPLE_RATE) for frame in frames], dim=1)


def chunks_of(audio: Samples, sessions: int) -> list[Samples]:
    """Chunks of 3 s from places spread over the recording."""
    length = CHUNK_S * SAMPLE_RATE
    return [audio[int(at) :][:length] for at in np.linspace(0, len(audio) - length, sessions)]


def measure(audio: Samples, device: Device, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Medians {clock: {stage: {sessions: milliseconds a session and chunk}}}."""
    calls = {(name, n): stage(name, chunks_of(audio, n), device) for n in BATCHES for name in STAGES}
    times: dict[tuple[str, int], list[tuple[float, float]]] = {key: [] for key in calls}
    for _ in range(rounds):
        for (name, n), call in calls.items():
            call()  # the stage before left the caches, and memory that the system still takes back, to this one
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            times[name, n].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        clock: {
            name: {str(n): round(statistics.median(t[column] for t in times[name, n]) * 1000 / n, 3) for n in BATCHES}
            for name in STAGES
        }
        for column, clock in enumerate(("wall_ms", "cpu_ms"))
    }


@pytest.fixture(scope="module")
def audio() -> Samples:
    torch.set_num_threads(1)
    return load(AUDIO)


@pytest.mark.parametrize("sessions", BATCHES)
@pytest.mark.parametrize("name", STAGES)
def test_stage(benchmark: Any, audio: Samples, name: str, sessions: int) -> None:
    benchmark.group = f"{sessions} sessions"
    benchmark(stage(name, chunks_of(audio, sessions), "cpu"))
    if benchmark.stats:  # absent under --benchmark-disable
        benchmark.extra_info["ms_per_chunk"] = round(benchmark.stats.stats.median * 1000 / sessions, 3)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--audio", type=Path, default=AUDIO, help="a recording of more than 3 s")
    arguments.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--output", type=Path, help="write the JSON here as well")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    result: dict[str, object] = {"benchmark": "vad", "chunk_s": CHUNK_S, "device": options.device, "machine": card()}
    medians = measure(load(options.audio), options.device, options.rounds)
    result.update(rounds=options.rounds, audio=options.audio.name, **medians)
    for clock, by_stage in medians.items():
        print(f"{clock:10}" + "".join(f"{n:>10}" for n in BATCHES) + "   sessions in a call")
        for name, by_sessions in by_stage.items():
            print(f"{name:10}" + "".join(f"{ms:10.3f}" for ms in by_sessions.values()))
    deliver(result, options.output)


if __name__ == "__main__":
    main()
