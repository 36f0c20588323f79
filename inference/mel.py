"""Whisper's log-mel spectrogram as one batch in torch, on the device of the recogniser.

Equal to transformers' WhisperFeatureExtractor to 1e-4 (tests/test_mel.py); its filter bank is used as it is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank

from inference.audio import Samples
from inference.config import SAMPLE_RATE

HOP_SAMPLES = 160
WINDOW_SAMPLES = 400
FRAMES_PER_SECOND = SAMPLE_RATE // HOP_SAMPLES


class LogMel:
    """Log-mel of spans padded with silence to one length."""

    def __init__(self, n_mels: int, device: str = "cpu") -> None:
        self.n_mels = n_mels
        self.device = torch.device(device)
        filters = mel_filter_bank(
            num_frequency_bins=1 + WINDOW_SAMPLES // 2,
            num_mel_filters=n_mels,
            min_frequency=0.0,
            max_frequency=8000.0,
            sampling_rate=SAMPLE_RATE,
            norm="slaney",
            mel_scale="slaney",
        )
        self._filters = torch.from_numpy(filters.T.astype(np.float32)).to(self.device)  # [mels, frequencies]
        self._window = torch.hann_window(WINDOW_SAMPLES, device=self.device)

    @torch.inference_mode()
    def __call__(self, spans: Sequence[Samples], frames: int) -> torch.Tensor:
        """[batch, mels, frames] of spans of at most frames x 160 samples."""
        audio = np.zeros((len(spans), frames * HOP_SAMPLES), dtype=np.float32)
        for row, span in enumerate(spans):
            audio[row, : len(span)] = span
        spectrum = torch.stft(
            torch.from_numpy(audio).to(self.device),
            WINDOW_SAMPLES,
            HOP_SAMPLES,
            window=self._window,
            return_complex=True,
        )
        power = spectrum[..., :-1].abs() ** 2
        log = torch.log10((self._filters @ power).clamp(min=1e-10))
        log = torch.maximum(log, log.amax(dim=(1, 2), keepdim=True) - 8.0)
        return ((log + 4.0) / 4.0).contiguous()

    def array(self, spans: Sequence[Samples], frames: int) -> Any:
        """The same as an array for another library: NumPy's on the CPU, CUDA's array interface on a GPU."""
        mel = self(spans, frames)
        if not mel.is_cuda:
            return mel.numpy()
        torch.cuda.current_stream(mel.device).synchronize()  # the reader works on a stream of its own
        return mel
