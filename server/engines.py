"""Builds the real engines from the settings and runs a server on them; heavy imports wait until they are needed."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from inference.config import AsrConfig, Device, EngineConfig, SegmenterConfig, VadConfig
from inference.extraction import Extractor
from inference.models import ModelError, default_compute_type, default_model, resolve
from inference.pipeline import Pipeline
from server.settings import Settings, SettingsError

if TYPE_CHECKING:
    from inference.asr import WhisperAsr

logger = logging.getLogger(__name__)


MAX_BATCH: dict[Device, int] = {"cpu": 4, "cuda": 32}
"""A CPU gains little beyond four spans and makes their speakers wait; a GPU fills up."""


def build_pipeline(settings: Settings, observe_batch: Callable[[int], None] = lambda size: None) -> Pipeline:
    """A pipeline with its weights loaded, not yet warmed up. Raises ModelError or SettingsError."""
    device = _device(settings)
    name = settings.model or default_model(device)
    files = resolve(name, settings.models_dir)  # before torch and ctranslate2: a wrong name is told at once

    import torch

    from inference.vad import SileroVad

    # VAD and mel run inside the workers' threads: torch's own would only fight with them for the cores.
    torch.set_num_threads(1)
    asr = AsrConfig(
        device=device,
        compute_type=settings.compute_type or default_compute_type(device),
        max_batch=settings.asr_max_batch or MAX_BATCH[device],
    )
    try:
        replicas, asr = _recognisers(files.directory, asr, settings)
    except ValueError as error:
        raise SettingsError([f"--compute-type {asr.compute_type}, --device {device}: {error}"]) from error
    except RuntimeError as error:
        raise ModelError(f"The model {name} cannot be loaded: {error}") from error
    languages = replicas[0].languages
    if settings.language != "auto" and settings.language not in languages:
        known = ", ".join(sorted(languages))
        raise SettingsError(
            [f"--language {settings.language}: the model {name} knows auto, {known}; choose one of these"]
        )
    config = EngineConfig(
        vad=VadConfig(device=device, device_index=settings.devices[0] if settings.devices else 0),
        segmenter=SegmenterConfig(pause_s=settings.pause_s, max_segment_s=settings.max_segment_s),
        asr=asr,
    )
    shown = files.directory.name if Path(name).expanduser().is_dir() else name  # clients need not know our folders
    return Pipeline(SileroVad(config.vad), replicas, _extractors(settings), config, shown, observe_batch, languages)


def _recognisers(model: Path, config: AsrConfig, settings: Settings) -> "tuple[list[WhisperAsr], AsrConfig]":
    """A replica for each GPU, or one with as many decoders as this CPU carries best; and the settings they share."""
    from inference import threads
    from inference.asr import WhisperAsr

    if config.device == "cuda":
        config = replace(config, workers=settings.asr_workers or 1, threads=settings.asr_threads or 1)
        return [WhisperAsr(model, replace(config, device_index=i)) for i in settings.devices or (0,)], config
    if settings.asr_workers or settings.asr_threads:
        width = settings.asr_threads or 1
        config = replace(config, threads=width, workers=settings.asr_workers or max(1, threads.cores() // width))
        return [WhisperAsr(model, config)], config
    asr, config, trials = threads.fastest(lambda tried: WhisperAsr(model, tried), config, threads.cores())
    for trial in trials:
        logger.info("%d decoders of %d threads: %.2f spans/s", trial.workers, trial.threads, trial.spans_per_s)
    return [asr], config


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
        missing = [index for index in settings.devices if index >= torch.cuda.device_count()]
        if missing:
            found = torch.cuda.device_count()
            raise SettingsError([f"--devices {missing[0]}: this host has {found}, counted from 0; name one of these"])
        return "cuda"
    if settings.device == "cuda" or settings.devices:
        flag = "--device cuda" if settings.device == "cuda" else "--devices"
        raise SettingsError([f"{flag}: torch finds no CUDA device here; use --device cpu, or check the driver"])
    return "cpu"


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
    from server.app import STARTED, create_app
    from server.listening import listening
    from server.metrics import Metrics

    # Bound before the weights are loaded, so that a port in use is told at once.
    with bound(settings.host, settings.port) as listener:
        metrics = Metrics()
        pipeline = await asyncio.to_thread(build_pipeline, settings, metrics.observe_batch)
        app = create_app(pipeline, settings, metrics)
        async with listening(app, listener, settings, metrics):
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            yield Running(f"http://{host}:{listener.getsockname()[1]}/", app[STARTED])


def bound(host: str, port: int) -> socket.socket:
    """A socket that is bound and does not listen yet. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
