"""Silero VAD over many sessions at once: every frame of every chunk in one call.

The published wrapper runs one frame of one session at a time and hides the recurrent state in the model. Here the
convolutions see all frames of all chunks as one batch, the LSTM runs once over [frames, sessions], and the state is a
value that the caller keeps. Weights and architecture: https://github.com/snakers4/silero-vad (MIT), v6, 16 kHz.
"""

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from inference.audio import Samples
from inference.config import FRAME_SAMPLES, VadConfig
from inference.vad_state import CONTEXT_SAMPLES, HIDDEN, VadState, zeros


class SileroVad:
    """Speech probabilities of 32 ms frames; stateless, safe to share between sessions."""

    def __init__(self, config: VadConfig | None = None) -> None:
        self.config = config or VadConfig()
        self.device = torch.device(self.config.device)
        weights = {name: tensor.to(self.device) for name, tensor in _stock_weights().items()}
        self._weights = weights
        self._lstm = torch.nn.LSTM(HIDDEN, HIDDEN).to(self.device).eval().requires_grad_(False)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(self._lstm, f"{name}_l0").copy_(weights[f"decoder.rnn.{name}"])

    def speech_probabilities(
        self, chunks: Sequence[Samples], states: Sequence[VadState]
    ) -> list[tuple[Samples, VadState]]:
        """Probabilities [frames] of each chunk, of any length, and the state to pass in with the next one.

        Each chunk continues the stream of its state; samples short of a frame wait in the new state.
        """
        streams = [np.concatenate((s.context, s.remainder, chunk)) for chunk, s in zip(chunks, states, strict=True)]
        frames = [(len(stream) - CONTEXT_SAMPLES) // FRAME_SAMPLES for stream in streams]
        active = [i for i, n in enumerate(frames) if n]
        results = [
            (zeros(0), VadState(s.hidden, s.context, x[CONTEXT_SAMPLES:])) for s, x in zip(states, streams, strict=True)
        ]
        if not active:
            return results
        windows = np.concatenate([_windows(streams[i], frames[i]) for i in active])
        hidden = np.stack([states[i].hidden for i in active], axis=1)  # [2, sessions, 128]
        probabilities, hidden = self._forward(windows, [frames[i] for i in active], hidden)
        for row, i in enumerate(active):
            used = frames[i] * FRAME_SAMPLES
            state = VadState(
                hidden[:, row].copy(),
                streams[i][used : used + CONTEXT_SAMPLES].copy(),
                streams[i][used + CONTEXT_SAMPLES :].copy(),
            )
            results[i] = (probabilities[row, : frames[i]].copy(), state)
        return results

    @torch.inference_mode()
    def _forward(self, windows: Samples, frames: list[int], hidden: Samples) -> tuple[Samples, Samples]:
        features = self._encode(torch.from_numpy(windows).to(self.device)).split_with_sizes(frames)
        # A packed sequence keeps the last state of each session where their chunks differ in length.
        packed = pack_padded_sequence(
            torch.nn.utils.rnn.pad_sequence(list(features)), torch.tensor(frames), enforce_sorted=False
        )
        state = torch.from_numpy(hidden).to(self.device)
        outputs, (h, c) = self._lstm(packed, (state[0:1], state[1:2]))
        padded, _ = pad_packed_sequence(outputs)  # [frames, sessions, 128]
        logits = functional.linear(
            padded.relu(), self._weights["decoder.decoder.2.weight"][:, :, 0], self._weights["decoder.decoder.2.bias"]
        )
        probabilities = logits.sigmoid()[:, :, 0].T.cpu().numpy()
        return probabilities, torch.cat((h, c)).cpu().numpy()

    def _encode(self, windows: torch.Tensor) -> torch.Tensor:
        """[n, 64 + 512] samples -> [n, 128] features."""
        w = self._weights
        x = functional.pad(windows, (0, CONTEXT_SAMPLES), "reflect").unsqueeze(1)
        x = functional.conv1d(x, w["stft.forward_basis_buffer"], stride=128)
        real, imaginary = x.chunk(2, dim=1)
        x = torch.sqrt(real**2 + imaginary**2)
        for layer, stride in enumerate((1, 2, 2, 1)):
            name = f"encoder.{layer}.reparam_conv"
            x = functional.conv1d(x, w[f"{name}.weight"], w[f"{name}.bias"], stride=stride, padding=1).relu()
        return x[:, :, 0]


def _windows(stream: Samples, frames: int) -> Samples:
    """[frames, 64 + 512]: each frame with the 64 samples before it."""
    length = CONTEXT_SAMPLES + FRAME_SAMPLES
    return np.lib.stride_tricks.sliding_window_view(stream, length)[::FRAME_SAMPLES][:frames]


def _stock_weights() -> dict[str, torch.Tensor]:
    """Weights of the stock 16 kHz model, read from its TorchScript file.

    The wheel's safetensors file holds those of an earlier release: its probabilities differ by up to 0.88 on speech.
    """
    # find_spec does not import the package, whose import sets torch's thread count for the whole process.
    spec = find_spec("silero_vad")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package silero-vad is not installed: pip install silero-vad==6.2.3")
    path = Path(spec.origin).parent / "data" / "silero_vad.jit"
    with warnings.catch_warnings():  # TorchScript is deprecated in torch 2.13, but it is the format of the weights.
        warnings.simplefilter("ignore", DeprecationWarning)
        stock: torch.nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    return {
        name.removeprefix("_model."): tensor.detach()
        for name, tensor in stock.state_dict().items()
        if name.startswith("_model.")
    }
