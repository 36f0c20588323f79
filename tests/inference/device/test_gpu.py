import pytest
import torch

from inference.device import gpu


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("Torch not compiled with CUDA enabled", "CPUs alone"),
        ("Found no NVIDIA driver on your system. Please check", "no NVIDIA driver answers"),
        ("The NVIDIA driver on your system is too old (found version 11040).", "R580 or newer"),
        ("CUDA failed with error CUDA driver version is insufficient for CUDA runtime version", "R580 or newer"),
        ("No CUDA GPUs are available", "CUDA_VISIBLE_DEVICES"),
        ("CUDA error: no kernel image is available for execution on the device", "too old"),
        ("CUDA failed with error out of memory", "memory is full"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_told_with_what_to_do(monkeypatch, said, remedy):
    def init():
        raise RuntimeError(f"{said}\nmore of it")

    monkeypatch.setattr(torch.cuda, "init", init)
    assert remedy in gpu.why_none()


def test_an_unknown_reason_is_told_in_its_own_first_line():
    assert gpu.explained(RuntimeError("the moon is full\nmore")) == "the moon is full"


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"Card {index}")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (2_500_000_000, 8_000_000_000))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_a_gpu_that_is_not_there_is_told_with_those_that_are(two_gpus):
    gpu.check(1, 1_000_000_000)
    with pytest.raises(gpu.GpuUnusable, match=r"there is no GPU 2: name one: 0 \(Card 0\), 1 \(Card 1\)"):
        gpu.check(2, 1_000_000_000)


def test_too_little_free_memory_is_told_with_both_numbers(two_gpus):
    with pytest.raises(gpu.GpuUnusable, match=r"2\.5 GB of its 8\.0 GB free, and the model needs about 2\.7 GB"):
        gpu.check(0, 1_600_000_000)
