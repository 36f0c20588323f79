"""Builds the real engines from the settings and runs a server on them; heavy imports wait until they are needed."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from inference.config import AsrConfig, Device, EngineConfig, SegmenterConfig, VadConfig
from inference.extraction import Extractor
from inference.models import ModelError, default_compute_type, default_model, resolve
from inference.pipeline import Pipeline
from server.settings import Settings, SettingsError


def build_pipeline(settings: Settings, observe_batch: Callable[[int], None] = lambda size: None) -> Pipeline:
    """A pipeline with its weights loaded, not yet warmed up. Raises ModelError or SettingsError."""
    device = _device(settings)
    name = settings.model or default_model(device)
    files = resolve(name, settings.models_dir)  # before torch and ctranslate2: a wrong name is told at once

    import torch

    from inference.asr import WhisperAsr
    from inference.vad import SileroVad

    # VAD and mel run inside the workers' threads: torch's own would only fight with them for the cores.
    torch.set_num_threads(settings.asr_threads)
    config = EngineConfig(
        vad=VadConfig(device=device),
        segmenter=SegmenterConfig(pause_s=settings.pause_s, max_segment_s=settings.max_segment_s),
        asr=AsrConfig(
            device=device,
            compute_type=settings.compute_type or default_compute_type(device),
            workers=settings.asr_workers or _default_workers(device, settings.asr_threads),
            threads=settings.asr_threads,
            max_batch=settings.asr_max_batch,
        ),
    )
    try:
        asr = WhisperAsr(files.directory, config.asr)
    except ValueError as error:
        raise SettingsError([f"--compute-type {config.asr.compute_type}, --device {device}: {error}"]) from error
    except RuntimeError as error:
        raise ModelError(f"The model {name} cannot be loaded: {error}") from error
    if settings.language not in ("en", "auto") and not asr.multilingual:
        raise SettingsError([f"--language {settings.language}: the model {name} knows English alone; choose another"])
    shown = files.directory.name if Path(name).expanduser().is_dir() else name  # clients need not know our folders
    return Pipeline(SileroVad(config.vad), asr, _extractors(settings), config, shown, observe_batch)


def _extractors(settings: Settings) -> list[Extractor]:
    """The rules' fast draft always; the model's word where there is one."""
    from inference.extraction.rules import RulesExtractor

    extractors: list[Extractor] = [RulesExtractor()]
    if settings.vllm_url is not None:
        from inference.extraction.vllm import VllmExtractor

        key = settings.vllm_api_key.get_secret_value() if settings.vllm_api_key else None
        extractors.append(VllmExtractor(str(settings.vllm_url), settings.vllm_model, key))
    return extractors


def _device(settings: Settings) -> Device:
    if settings.device == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if settings.device == "cuda":
        raise SettingsError(["--device cuda: torch finds no CUDA device here; use --device cpu, or check the driver"])
    return "cpu"


def _default_workers(device: Device, threads: int) -> int:
    """One decoder feeds a GPU; on a CPU single-threaded decoders side by side are faster than one wide one."""
    if device == "cuda":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(8, cores // threads))


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens at `address` (http://HOST:PORT/); `warm` is done when its engines are."""

    address: str
    warm: "asyncio.Future[None]"


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A server on real engines; leaving shuts it down gracefully.

    Raises ModelError, SettingsError, or OSError if the address cannot be had.
    """
    from aiohttp import web

    from server.app import STARTED, create_app
    from server.metrics import Metrics

    # Bound before the weights are loaded, so that a port in use is told at once.
    with _bound(settings.host, settings.port) as listener:
        metrics = Metrics()
        pipeline = await asyncio.to_thread(build_pipeline, settings, metrics.observe_batch)
        app = create_app(pipeline, settings, metrics)
        runner = web.AppRunner(app, shutdown_timeout=settings.shutdown_grace_s, access_log=None)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            yield Running(f"http://{host}:{listener.getsockname()[1]}/", app[STARTED])
        finally:
            await runner.cleanup()


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
