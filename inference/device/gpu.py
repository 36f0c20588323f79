"""Whether this host's GPU can be used, and in one sentence what to do where it cannot."""

import os

import torch

WORKING_BYTES = 1 << 30
"""What the model needs beside its weights at the least: CUDA's own, and one span. An estimate, not a measurement.
A full batch takes more, and becomes smaller where that is not there (inference/batching/limits.py)."""

REMEDIES = (
    ("not compiled with cuda", "this torch is a build for CPUs alone: install PyPI's build, or use --device cpu"),
    ("no nvidia driver", "no NVIDIA driver answers: install one, give a container its GPU, or use --device cpu"),
    ("driver on your system is too old", "the NVIDIA driver is too old: install R580 or newer, or use --device cpu"),
    ("driver version is insufficient", "the NVIDIA driver is too old: install R580 or newer, or use --device cpu"),
    ("no cuda gpus", "the driver shows no GPU: look at nvidia-smi and CUDA_VISIBLE_DEVICES, or use --device cpu"),
    ("no cuda-capable", "the driver shows no GPU: look at nvidia-smi and CUDA_VISIBLE_DEVICES, or use --device cpu"),
    ("no kernel image", "this GPU is too old for the installed CUDA libraries: use a newer one, or --device cpu"),
    ("out of memory", "the GPU's memory is full: stop what else uses it, or choose a smaller --model"),
)  # fmt: skip
"""Words of torch, CTranslate2 and CUDA, and what to do."""


class GpuUnusable(RuntimeError):
    """The message says what to do."""


def why_none() -> str | None:
    """Why no GPU can be used here; None where one can."""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return explained(error)
    return None


def explained(error: Exception) -> str:
    """What an error of a library at start means, and what to do; its own first line where it is not known."""
    said = str(error).partition("\n")[0]
    return next((remedy for words, remedy in REMEDIES if words in said.lower()), said)


def check(index: int, weights_bytes: int) -> None:
    """Raises GpuUnusable if there is no GPU of that index, or if its free memory is too small for the model."""
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if index >= len(names):
        found = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
        visible = " of those that CUDA_VISIBLE_DEVICES lets through" if "CUDA_VISIBLE_DEVICES" in os.environ else ""
        raise GpuUnusable(f"there is no GPU {index}: name one{visible}: {found}")
    try:
        free, total = torch.cuda.mem_get_info(index)
    except RuntimeError as error:
        raise GpuUnusable(explained(error)) from error
    needed = weights_bytes + WORKING_BYTES
    if free < needed:
        raise GpuUnusable(
            f"GPU {index} has {_gb(free)} of its {_gb(total)} free, and the model needs about {_gb(needed)}: "
            "stop what else uses this GPU, give vLLM less of it, or choose a smaller --model"
        )


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
