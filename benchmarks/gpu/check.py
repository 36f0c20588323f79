"""Does a device compute what the CPU computes? Mel, VAD, encoder and text on real speech, in float32."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.gpu.sweep import windows
from inference.asr.encoding.lengths import encoder_frames
from inference.asr.encoding.mel import LogMel
from inference.asr.hypothesis import AsrRequest
from inference.asr.whisper import WhisperAsr
from inference.audio.decoding import Samples
from inference.audio.vad import SileroVad
from inference.audio.vad_state import VadState
from inference.config import ASR_DEFAULTS, SAMPLE_RATE, AsrConfig, Device, VadConfig

TOLERANCE = 1e-4
"""Largest difference of a mel value, or of a speech probability."""


def check(device: Device, model: Path, audio: Samples, lengths_s: Sequence[float], *, real: bool) -> dict[str, object]:
    """Largest differences to the CPU, and whether the text of spans of these lengths is the same.

    The text of weights that are not `real` proves nothing: their tokens lie too close together.
    """
    spans = [windows(audio, seconds, i + 1)[-1] for i, seconds in enumerate(lengths_s)]
    found = {"mel": _mel(device, spans), "vad": _vad(device, audio[: 30 * SAMPLE_RATE])}
    within = max(found.values()) <= TOLERANCE
    recogniser = _recogniser(device, model, spans)
    same = recogniser["same_text"] or not real
    return found | recogniser | {"tolerance": TOLERANCE, "ok": within and same}


def _mel(device: Device, spans: list[Samples]) -> float:
    differences = []
    for n_mels in (80, 128):
        for span in spans:
            frames = encoder_frames(len(span), 3.0)
            here, there = LogMel(n_mels)([span], frames), LogMel(n_mels, device)([span], frames).cpu()
            differences.append(float((here - there).abs().max()))
    return max(differences)


def _vad(device: Device, audio: Samples) -> float:
    """Two sessions side by side, one of them begun a second later, in chunks of 3 s."""
    offset = SAMPLE_RATE
    here, there = (list(_probabilities(SileroVad(VadConfig(device=d)), audio, offset)) for d in ("cpu", device))
    return float(max(np.abs(a - b).max() for a, b in zip(here, there, strict=True)))


def _probabilities(vad: SileroVad, audio: Samples, offset: int) -> Iterator[Samples]:
    states = [VadState(), VadState()]
    chunk = 3 * SAMPLE_RATE
    for at in range(0, len(audio) - offset - chunk, chunk):
        answers = vad.speech_probabilities(
            [audio[at : at + chunk], audio[at + offset : at + offset + chunk]],
            states,
        )
        states = [state for _, state in answers]
        yield np.concatenate([probabilities for probabilities, _ in answers])


def _recogniser(device: Device, model: Path, spans: list[Samples]) -> dict[str, Any]:
    exact = AsrConfig(compute_type="float32", workers=1)
    live = replace(ASR_DEFAULTS[device], workers=1, torch_encoder=True)
    cpu = _heard(model, spans, exact)
    same = _heard(model, spans, replace(exact, device=device))
    as_live = _heard(model, spans, live)
    expected = _heard(model, spans, replace(live, device="cpu", compute_type="float32", torch_encoder=False))
    return {
        "encoder": _largest(cpu.encoded, same.encoded),
        "encoder_scale": float(np.abs(cpu.encoded).max()),
        "same_text": cpu.texts == same.texts,
        "words": sum(len(text.split()) for text in cpu.texts),
        "torch_encoder": _largest(cpu.encoded, as_live.encoded),
        "torch_encoder_other_texts": sum(a != b for a, b in zip(expected.texts, as_live.texts, strict=True)),
        "texts": len(cpu.texts),
    }


@dataclass(frozen=True, slots=True)
class _Heard:
    texts: list[str]
    encoded: NDArray[np.float32]


def _heard(model: Path, spans: list[Samples], config: AsrConfig) -> _Heard:
    """What a recogniser of these settings says of each span in both lanes, and its encoder's output of the last one."""
    asr = WhisperAsr(model, config)
    requests = [AsrRequest(span, final) for final in (False, True) for span in spans]
    texts = [hypothesis.text for hypothesis in asr.transcribe(requests)]
    frames = encoder_frames(len(spans[-1]), 3.0)
    mels = [*LogMel(asr.model.n_mels, config.device)([spans[-1]], frames)]
    if config.device == "cuda":
        torch.cuda.synchronize()
    encoded = asr.encode(mels).to_device(ctranslate2.Device.cpu).to(ctranslate2.DataType.float32)
    return _Heard(texts, np.array(encoded))


def _largest(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The largest difference of two values at one place."""
    return float(np.abs(one - other).max())
