"""Whisper's log-mel spectrogram as one batch in torch, on the device of the recogniser.

Equal to transformers' WhisperFeatureExtractor to 1e-4, as test_mel.py checks; its filter bank is used as it is.
"""

from collections.abc import Sequence

import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank

from inference.asr.encoding.lengths import HOP_SAMPLES
from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE

WINDOW_SAMPLES = 400


Mel = torch.Tensor
"""[mels, frames] on the device of its LogMel."""


class LogMel:
    """Log-mel of spans padded with silence to one length. Safe to call from several threads.

    On CUDA all of it is work of one stream, so that what one call frees is reused in order by the next, and others read
    only what `synchronize` has waited for. With `own_stream` that is not torch's default stream: that one waits for
    every stream of CTranslate2's workers, and they for it, so that each mel would wait for a batch of the encoder.
    """

    def __init__(self, n_mels: int, device: str = "cpu", own_stream: bool = True) -> None:
        self.n_mels = n_mels
        self.device = torch.device(device)
        self._stream: torch.cuda.Stream | None = None
        if self.device.type == "cuda":
            self._stream = torch.cuda.default_stream(self.device)
            if own_stream:
                self._stream = torch.cuda.Stream(self.device)
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
        self._window = torch.hann_window(WINDOW_SAMPLES).to(self.device)  # a copy that has ended when it returns

    @torch.inference_mode()
    def __call__(self, spans: Sequence[Samples], frames: int) -> torch.Tensor:
        """[batch, mels, frames] of spans of at most frames x 160 samples."""
        audio = np.zeros((len(spans), frames * HOP_SAMPLES), dtype=np.float32)
        for row, span in enumerate(spans):
            audio[row, : len(span)] = span
        padded = torch.from_numpy(audio)
        if self._stream is None:
            # One at a time: as fast, a quarter of the memory for eight, and to the last bit what each gives alone.
            return torch.cat([self._log_mel(row) for row in padded.unsqueeze(1)])
        with torch.cuda.stream(self._stream):
            return self._log_mel(padded.to(self.device))

    def _log_mel(self, audio: torch.Tensor) -> torch.Tensor:
        """[batch, samples] -> [batch, mels, frames]."""
        spectrum = torch.stft(audio, WINDOW_SAMPLES, HOP_SAMPLES, window=self._window, return_complex=True)
        # The magnitude of a complex tensor would take longer than the Fourier transform.
        squares = torch.view_as_real(spectrum[..., :-1]).square_()
        power = squares[..., 0] + squares[..., 1]
        log = (self._filters @ power).clamp_(min=1e-10).log10_()
        log = torch.maximum(log, log.amax(dim=(1, 2), keepdim=True) - 8.0)
        return log.add_(4.0).div_(4.0)

    def batch(self, mels: Sequence[Mel]) -> Mel:
        """[batch, mels, frames] of mels of one length, ready to be read by another library."""
        if self._stream is None:
            return torch.stack(list(mels))
        with torch.cuda.stream(self._stream):
            together = torch.stack(list(mels))
        self.synchronize()
        return together

    def synchronize(self) -> None:
        """Waits until the device has done what was asked of it here: other libraries read on streams of their own."""
        if self._stream is not None:
            self._stream.synchronize()

    def release(self) -> None:
        """Gives back to the device the memory that torch keeps for later use, for others to take."""
        if self._stream is not None:
            torch.cuda.empty_cache()
