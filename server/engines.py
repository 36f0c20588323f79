"""Builds the real engines from the settings and runs a server on them; heavy imports wait until they are needed."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from inference.config import ASR_DEFAULTS, AsrConfig, Device, EngineConfig, SegmenterConfig
from inference.extraction import Extractor
from inference.models import ModelError, default_model, resolve
from inference.pipeline import Pipeline
from server.settings import Settings, SettingsError

if TYPE_CHECKING:
    from inference.asr import WhisperAsr

logger = logging.getLogger(__name__)


def build_pipeline(
    settings: Settings,
    observe_batch: Callable[[int], None] = lambda size: None,
    out_of_memory: Callable[[], None] = lambda: None,
) -> Pipeline:
    """A pipeline with its weights loaded, not yet warmed up. Raises ModelError or SettingsError."""
    device = _device(settings)
    name = settings.model or default_model(device)
    files = resolve(name, settings.models_dir)  # before torch and ctranslate2: a wrong name is told at once

    import torch

    from inference import gpu
    from inference.vad import SileroVad

    # VAD and mel run inside the workers' threads: torch's own would only fight with them for the cores.
    torch.set_num_threads(1)
    defaults = ASR_DEFAULTS[device]
    asr = replace(
        defaults,
        device_index=settings.devices or 0,
        compute_type=settings.compute_type or defaults.compute_type,
        max_batch=settings.asr_max_batch or defaults.max_batch,
        timestamps=defaults.timestamps if settings.asr_timestamps is None else settings.asr_timestamps,
    )
    try:
        if device == "cuda":
            gpu.check(asr.device_index, (files.directory / "model.bin").stat().st_size)
        recogniser, asr = _recogniser(files.directory, asr, settings)
    except ValueError as error:
        raise SettingsError([f"--compute-type {asr.compute_type}, --device {device}: {error}"]) from error
    except RuntimeError as error:
        raise ModelError(f"The model {name} cannot be loaded: {gpu.explained(error)}") from error
    if settings.language not in ("en", "auto") and not recogniser.multilingual:
        raise SettingsError([f"--language {settings.language}: the model {name} knows English alone; choose another"])
    segmenter = SegmenterConfig(pause_s=settings.pause_s, max_segment_s=settings.max_segment_s)
    config = EngineConfig(segmenter=segmenter, asr=asr)
    shown = files.directory.name if Path(name).expanduser().is_dir() else name  # clients need not know our folders
    vad = SileroVad(config.vad)
    return Pipeline(vad, recogniser, _extractors(settings), config, shown, observe_batch, out_of_memory)


def _recogniser(model: Path, config: AsrConfig, settings: Settings) -> "tuple[WhisperAsr, AsrConfig]":
    """The recogniser with its settings: on a CPU, as many decoders as it carries best."""
    from inference import threads
    from inference.asr import WhisperAsr

    if config.device == "cpu" and not (settings.asr_workers or settings.asr_threads):
        asr, config, trials = threads.fastest(lambda tried: WhisperAsr(model, tried), config, threads.cores())
        for trial in trials:
            logger.info("%d decoders of %d threads: %.2f spans/s", trial.workers, trial.threads, trial.spans_per_s)
        return asr, config
    width = settings.asr_threads or 1
    workers = config.workers if config.device == "cuda" else max(1, threads.cores() // width)
    config = replace(config, threads=width, workers=settings.asr_workers or workers)
    return WhisperAsr(model, config), config


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
    from inference import gpu

    reason = gpu.why_none()
    if reason is None:
        return "cuda"
    if settings.device == "cuda" or settings.devices is not None:
        flag = "--device cuda" if settings.device == "cuda" else f"--devices {settings.devices}"
        raise SettingsError([f"{flag}: {reason}"])
    logger.info("models run on the CPU: %s", reason)
    return "cpu"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens at `address` (http://HOST:PORT/); `warm` is done when its engines are."""

    address: str
    warm: "asyncio.Future[None]"
    pipeline: Pipeline


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
        pipeline = await asyncio.to_thread(
            build_pipeline, settings, metrics.observe_batch, metrics.observe_out_of_memory
        )
        app = create_app(pipeline, settings, metrics)
        runner = web.AppRunner(app, shutdown_timeout=settings.shutdown_grace_s, access_log=None)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            yield Running(f"http://{host}:{listener.getsockname()[1]}/", app[STARTED], pipeline)
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
