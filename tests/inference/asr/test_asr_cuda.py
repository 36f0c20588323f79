"""The recogniser's steps on a GPU, in their order, on loaders that only say that they were called."""

import ctranslate2
import numpy as np
import pytest

from inference.asr import whisper as asr
from inference.asr.hypothesis import AsrRequest
from inference.asr.whisper import WhisperAsr
from inference.config import AsrConfig
from inference.device import cublas, memory_pool
from inference.device.faults import DeviceError, OutOfMemory
from inference.weights.models import default_cache, resolve

SPAN = AsrRequest(np.zeros(32_000, np.float32), final=True)


@pytest.fixture
def steps(monkeypatch):
    """What the recogniser asked for, in order."""
    asked = []

    class Whisper:
        is_multilingual = False
        n_mels = 80

        def __init__(self, folder, **options):
            asked.append("load")
            self.options = options

        def unload_model(self):
            asked.append("unload")

    class LogMel:
        error = RuntimeError("CUDA failed with error out of memory")

        def __init__(self, n_mels, device, own_stream):
            asked.append(f"mel on {device}, own stream {own_stream}")

        def __call__(self, spans, frames):
            raise self.error

        def release(self):
            asked.append("release")

    monkeypatch.setattr(cublas, "preload", lambda: asked.append("cublas"))
    monkeypatch.setattr(memory_pool, "keep", lambda index: asked.append(f"pool {index}"))
    monkeypatch.setattr(ctranslate2.models, "Whisper", Whisper)
    monkeypatch.setattr(asr, "LogMel", LogMel)
    return asked


def whisper(**config):
    return WhisperAsr(resolve("tiny.en", default_cache()), AsrConfig(**config))


def test_on_a_gpu_cublas_and_the_memory_pool_come_before_the_weights(steps):
    built = whisper(device="cuda", device_index=2, compute_type="float16", workers=3)
    assert steps == ["cublas", "pool 2", "load", "mel on cuda:2, own stream True"]
    assert built.model.options == {
        "device": "cuda",
        "device_index": 2,
        "compute_type": "float16",
        "inter_threads": 3,
        "intra_threads": 1,
    }


def test_the_memory_pool_and_the_stream_of_mel_can_be_left_as_they_are(steps):
    whisper(device="cuda", keep_memory=False, mel_stream=False)
    assert steps == ["cublas", "load", "mel on cuda:0, own stream False"]


def test_on_a_cpu_no_library_of_a_gpu_is_asked_for(steps):
    whisper(device="cpu")
    assert [step.partition(",")[0] for step in steps] == ["load", "mel on cpu"]


def test_what_torch_caches_is_given_back_when_memory_ran_out_and_not_for_other_faults(steps):
    built = whisper(device="cuda")
    with pytest.raises(OutOfMemory):
        built.transcribe([SPAN])
    assert steps[-1] == "release"
    steps.clear()
    built._mel.error = RuntimeError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(DeviceError) as fault:
        built.transcribe([SPAN])
    assert not isinstance(fault.value, OutOfMemory)
    assert steps == []


def test_a_restart_gives_memory_back_before_it_loads_the_weights_again(steps):
    built = whisper(device="cuda")
    steps.clear()
    built.restart()
    assert steps == ["unload", "release", "load"]
