"""What the host has: card, driver, cores, cuBLAS, and what CTranslate2 can compute there."""

from collections.abc import Iterator
from typing import Any

import ctranslate2
import torch

from benchmarks.common.machine import card
from benchmarks.gpu.smoke.bench import Bench
from benchmarks.gpu.watch import device_memory_gb, gpu_card

NEEDED_GB = 6.0
"""Of free memory, for large-v3-turbo in float16 with four workers at batches of 32."""


def host(bench: Bench) -> Iterator[dict[str, Any]]:
    found: dict[str, Any] = card() | {"gpu_card": gpu_card(), "cublas": bench.cublas, "advice": []}
    if bench.device == "cuda":
        found["ctranslate2_devices"] = ctranslate2.get_cuda_device_count()
        found["device_gb_in_use"] = device_memory_gb()
        found["advice"] = list(_advice(bench))
    yield found
    if found["advice"]:
        raise RuntimeError("; ".join(found["advice"]))


def _advice(bench: Bench) -> Iterator[str]:
    if not torch.cuda.is_available():
        yield (
            "PyTorch finds no CUDA device: see that nvidia-smi lists a card and that its driver is new enough for "
            f"CUDA {torch.version.cuda}; --short runs the steps on a CPU"
        )
        return
    if ctranslate2.get_cuda_device_count() == 0:
        yield "CTranslate2 finds no CUDA device: its wheel needs a driver for CUDA 12 or later; update the driver"
    if bench.cublas is None:
        yield "there is no libcublas.so.12 and no cuBLAS 13 to stand in for it: pip install nvidia-cublas-cu12"
    free_gb = torch.cuda.mem_get_info()[0] / 2**30
    if free_gb < NEEDED_GB:
        yield (
            f"{free_gb:.1f} GB of the card's memory are free and the steps need {NEEDED_GB:g}: end what uses the card, "
            "or choose another one with CUDA_VISIBLE_DEVICES"
        )


def compute_types(bench: Bench) -> Iterator[dict[str, Any]]:
    yield {device: sorted(ctranslate2.get_supported_compute_types(device)) for device in {"cpu", bench.device}}
