"""Does a device compute what the CPU computes? Mel, VAD, encoder and text on real speech, in float32."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np

from benchmarks.gpu.sweep import windows
from inference.asr.hypothesis import AsrRequest
from inference.asr.lengths import encoder_frames
from inference.asr.mel import LogMel
from inference.asr.whisper import WhisperAsr
from inference.audio.decoding import Samples
from inference.audio.vad import SileroVad
from inference.audio.vad_state import VadState
from inference.config import SAMPLE_RATE, AsrConfig, Device, VadConfig

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
    texts, encoded = [], []
    for where in ("cpu", device):
        asr = WhisperAsr(model, AsrConfig(device=where, compute_type="float32", workers=1))
        requests = [AsrRequest(span, final) for final in (False, True) for span in spans]
        texts.append([hypothesis.text for hypothesis in asr.transcribe(requests)])
        mel = LogMel(asr.model.n_mels)([spans[-1]], encoder_frames(len(spans[-1]), 3.0)).numpy()
        encoded.append(np.array(asr.model.encode(ctranslate2.StorageView.from_array(mel), to_cpu=True)))
    return {
        "encoder": float(np.abs(encoded[0] - encoded[1]).max()),
        "encoder_scale": float(np.abs(encoded[0]).max()),
        "same_text": texts[0] == texts[1],
        "words": sum(len(text.split()) for text in texts[0]),
    }
