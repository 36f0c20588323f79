"""Builds the engines from the settings and runs a server on them. Heavy libraries are imported when they are needed."""

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from inference.config import ASR_DEFAULTS, SWITCH_INTERVAL_S, AsrConfig, Device, EngineConfig
from inference.extraction import Extractor
from inference.pipeline import Pipeline
from inference.terms.packs import PackError, read_packs
from inference.terms.vocabulary import Vocabulary
from inference.weights.models import ModelError, default_model, resolve
from server.record.formats import installed
from server.sessions import garbage
from server.settings import Settings, SettingsError
from server.socket.listener import Listener

if TYPE_CHECKING:
    from inference.asr.whisper import WhisperAsr
    from server.access.tls import Certificate
    from server.record.rendering import Rendering

logger = logging.getLogger(__name__)


def build_pipeline(
    settings: Settings,
    observe_batch: Callable[[int], None] = lambda size: None,
    out_of_memory: Callable[[], None] = lambda: None,
) -> Pipeline:
    """A pipeline with loaded weights that is not warmed up yet.

    `observe_batch` is called with the size of each batch of the recogniser, `out_of_memory` whenever one did not fit.
    Raises ModelError if the weights cannot be found or loaded, SettingsError if a setting does not suit this host.
    """
    device = _device(settings)
    sys.setswitchinterval(settings.switch_interval_s or SWITCH_INTERVAL_S[device])
    name = settings.model or default_model(device)
    folder = resolve(name, settings.models_dir)  # before torch is imported, so that a wrong name is reported at once

    import torch

    from inference.audio.vad import SileroVad
    from inference.device import gpu

    # VAD and mel run in the threads of the workers; threads of torch would only compete with them for the cores.
    torch.set_num_threads(1)
    defaults = ASR_DEFAULTS[device]
    asr = replace(
        defaults,
        device_index=settings.devices or 0,
        compute_type=settings.compute_type or defaults.compute_type,
        max_batch=settings.asr_max_batch or defaults.max_batch,
        timestamps=defaults.timestamps if settings.asr_timestamps is None else settings.asr_timestamps,
    )
    if device == "cuda":
        _check_gpu(asr.device_index, folder)
    try:
        recogniser, asr = _recogniser(folder, asr, settings)
    except ValueError as error:
        raise SettingsError([f"--compute-type {asr.compute_type}, --device {device}: {error}"]) from error
    except RuntimeError as error:
        raise ModelError(f"The model {name} cannot be loaded: {gpu.explained(error)}") from error
    languages = recogniser.languages
    if settings.language != "auto" and settings.language not in languages:
        known = ", ".join(sorted(languages))
        raise SettingsError(
            [f"--language {settings.language}: the model {name} knows auto, {known}; choose one of these"]
        )
    config = EngineConfig(segmenter=settings.segmenter(), asr=asr)
    shown = folder.name if Path(name).expanduser().is_dir() else name  # clients need no path of this host
    vad = SileroVad(config.vad)
    vocabulary = _vocabulary(settings)  # before the tables of the rules are built, so that they hold its drugs
    extractors = _extractors(settings)
    return Pipeline(vad, recogniser, extractors, config, shown, observe_batch, out_of_memory, languages, vocabulary)


def _vocabulary(settings: Settings) -> Vocabulary | None:
    """The terms of the site's files. The rules know those of them that are drugs from now on."""
    from inference.extraction.words.lexicon import add_drugs

    if not settings.vocabulary:
        return None
    try:
        pack = read_packs(settings.vocabulary)
    except PackError as error:
        raise SettingsError([f"--vocabulary: {error}"]) from None
    add_drugs(pack.drugs)
    return Vocabulary(pack.terms)


def _check_gpu(index: int, model: Path) -> None:
    """Raises SettingsError if the GPU or its libraries cannot run the model; the weights are not at fault then."""
    from inference.device import cublas, gpu

    try:
        cublas.preload()
        gpu.check(index, 2 * (model / "model.bin").stat().st_size)  # the encoder's weights are there twice
    except RuntimeError as error:
        raise SettingsError([str(error)]) from error


def _recogniser(model: Path, config: AsrConfig, settings: Settings) -> "tuple[WhisperAsr, AsrConfig]":
    """The recogniser and its settings. On a CPU, the numbers of decoders and threads are measured if not given."""
    from inference.asr.whisper import WhisperAsr
    from inference.extraction.words.named import clinical_names
    from inference.serving import threads

    if config.device == "cpu" and not (settings.asr_workers or settings.asr_threads):
        asr, config, trials = threads.fastest(
            lambda tried: WhisperAsr(model, tried, clinical_names), config, threads.cores()
        )
        for trial in trials:
            logger.info("%s", trial)
        return asr, config
    width = settings.asr_threads or 1
    workers = config.workers if config.device == "cuda" else max(1, threads.cores() // width)
    config = replace(config, threads=width, workers=settings.asr_workers or workers)
    return WhisperAsr(model, config, clinical_names), config


def _extractors(settings: Settings) -> list[Extractor]:
    """The rules, with their tables loaded, and the language model if an address is configured."""
    from inference.extraction import tables
    from inference.extraction.rules.engine import RulesExtractor

    tables.load()
    extractors: list[Extractor] = [RulesExtractor()]
    if settings.vllm_url is not None:
        from inference.extraction.llm.client import VllmExtractor

        key = settings.vllm_api_key.get_secret_value() if settings.vllm_api_key else None
        url, limit_s = str(settings.vllm_url), settings.vllm_timeout_s
        try:
            extractors.append(VllmExtractor(url, settings.vllm_model, key, limit_s, ca_file=settings.vllm_ca))
        except ValueError as error:
            raise SettingsError([f"--vllm-ca: {error}"]) from None
    return extractors


def _device(settings: Settings) -> Device:
    if settings.device == "cpu":
        return "cpu"
    from inference.device import gpu

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
    """A server that listens at `address` (http://HOST:PORT/ or https://). `warm` is done when its engines are warm."""

    address: str
    warm: "asyncio.Future[None]"
    pipeline: Pipeline
    metrics_address: str | None = None
    certificate: "Certificate | None" = None


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A server on real engines; leaving the context shuts the server down gracefully.

    Raises ModelError, SettingsError, or OSError if the address cannot be bound.
    """
    from server.access.entrance import access_of
    from server.access.tls import Certificate
    from server.app import ENDPOINTS, RENDERING, STARTED, create_app
    from server.monitoring.metrics import Metrics
    from server.monitoring.watching import watching
    from server.socket.listening import listening

    # The port is bound before the weights are loaded, so that a port in use is reported at once. It begins to listen
    # when everything that computes in Python for seconds is done (the tables of the rules, the first run of the cyclic
    # collector), because a probe would have to wait for it. Until then connections are refused, which a startup probe
    # reads as "not yet".
    access = access_of(settings)
    certificate = Certificate(settings.tls_cert, settings.tls_key) if settings.tls_cert and settings.tls_key else None
    if settings.templates is not None:
        await asyncio.to_thread(_check_templates, settings.templates)
    metrics = Metrics()
    with bound(settings.host, settings.port) as listener:
        async with watching(settings, metrics, bound) as (audit, private):
            pipeline = await asyncio.to_thread(
                build_pipeline, settings, metrics.observe_batch, metrics.observe_out_of_memory
            )
            await asyncio.to_thread(garbage.settle)
            app = create_app(pipeline, settings, metrics, audit, access)
            door = listening(app, listener, settings, metrics, audit=audit, certificate=certificate)
            async with door, private(app[ENDPOINTS]) as metrics_url:
                host = f"[{settings.host}]" if ":" in settings.host else settings.host
                loading = asyncio.create_task(_load_renderer(app[STARTED], app[RENDERING]))
                scheme = "http" if certificate is None else "https"
                address = f"{scheme}://{host}:{listener.getsockname()[1]}/"
                yield Running(address, app[STARTED], pipeline, metrics_url, certificate)
                loading.cancel()


def _check_templates(folder: Path) -> None:
    """Tries a site's own templates in a process of their own. Raises SettingsError: file, line and what to do."""
    from server.record.templates.catalogue import TemplatesError
    from server.record.templates.checking import check

    try:
        check(folder)
    except TemplatesError as error:
        raise SettingsError(error.faults) from None


async def _load_renderer(started: "asyncio.Future[None]", rendering: "Rendering") -> None:
    """Loads the libraries of records in their process when the engines are warm: it takes a second of a core."""
    await asyncio.wait([started])
    try:
        await rendering.start(installed())
    except OSError as error:
        reason = type(error).__name__
        logger.warning("the process that renders records did not start (%s): the first record tries again", reason)


def bound(host: str, port: int) -> Listener:
    """A TCP socket that is bound to the address and does not listen yet. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = Listener(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
