"""Silero VAD over many sessions at once: every frame of every chunk in one call.

The published wrapper runs one frame of one session at a time and hides the recurrent state in the model. Here the
convolutions see all frames of all chunks as one batch, the LSTM steps through [frames, sessions], and the state is a
value that the caller keeps. Weights and architecture: https://github.com/snakers4/silero-vad (MIT), v6, 16 kHz.
"""

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from inference.audio.decoding import Samples
from inference.audio.vad_state import CONTEXT_SAMPLES, HIDDEN, VadState, zeros
from inference.config import FRAME_SAMPLES, VadConfig

HOP_SAMPLES = 128
# Frames of one pass through the convolutions: on a CPU what stays in its cache, on a GPU what bounds its memory.
BLOCK_FRAMES = {"cpu": 512, "cuda": 8192}


class SileroVad:
    """Speech probabilities of 32 ms frames; stateless, safe to share between sessions."""

    def __init__(self, config: VadConfig | None = None) -> None:
        self.config = config or VadConfig()
        self.device = torch.device("cpu")
        if self.config.device == "cuda":
            self.device = torch.device("cuda", self.config.device_index)
            # By default cuDNN's LSTM rounds to TF32: 10 bits. The setting is the process's; nothing else uses cuDNN.
            torch.backends.cudnn.allow_tf32 = False
        weights = {name: tensor.to(self.device) for name, tensor in _stock_weights().items()}
        # The stock STFT is a convolution with a windowed Fourier basis; the row of frequency 0 is the window alone.
        self._window = weights["stft.forward_basis_buffer"][0, 0]
        self._convolutions = [_Convolution(weights, layer, stride) for layer, stride in enumerate((1, 2, 2, 1))]
        self._lstm = torch.nn.LSTM(HIDDEN, HIDDEN).to(self.device).eval().requires_grad_(False)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(self._lstm, f"{name}_l0").copy_(weights[f"decoder.rnn.{name}"])
        self._output = weights["decoder.decoder.2.weight"][:, :, 0], weights["decoder.decoder.2.bias"]

    def speech_probabilities(
        self, chunks: Sequence[Samples], states: Sequence[VadState]
    ) -> list[tuple[Samples, VadState]]:
        """Probabilities [frames] of each chunk, of any length, and the state to pass in with the next one.

        Each chunk continues the stream of its state; samples short of a frame wait in the new state.
        """
        streams = [np.concatenate((s.context, s.remainder, chunk)) for chunk, s in zip(chunks, states, strict=True)]
        frames = [(len(stream) - CONTEXT_SAMPLES) // FRAME_SAMPLES for stream in streams]
        results = [
            (zeros(0), VadState(s.hidden, s.context, x[CONTEXT_SAMPLES:])) for s, x in zip(states, streams, strict=True)
        ]
        active = sorted((i for i, n in enumerate(frames) if n), key=lambda i: -frames[i])
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
        """Probabilities [sessions, frames] and state [2, sessions, 128] of sessions sorted from long to short."""
        x = torch.from_numpy(windows).to(self.device)
        block = BLOCK_FRAMES[self.device.type]
        features = torch.cat([self._encode(x[at : at + block]) for at in range(0, len(x), block)])
        padded = pad_sequence(list(features.split_with_sizes(frames)))  # [frames, sessions, 128]
        probabilities, state = self._decode(padded, frames, torch.from_numpy(hidden).to(self.device))
        return probabilities.T.cpu().numpy(), state.cpu().numpy()

    def _encode(self, windows: torch.Tensor) -> torch.Tensor:
        """[n, 64 + 512] samples -> [n, 128] features."""
        # Reflected at the end as the stock model does; torch's own padding takes six times as long.
        x = torch.cat((windows, windows[:, -1 - CONTEXT_SAMPLES : -1].flip(1)), dim=1)
        spectrum = torch.fft.rfft(x.unfold(1, len(self._window), HOP_SAMPLES) * self._window)
        power = torch.view_as_real(spectrum).square_()
        x = (power[..., 0] + power[..., 1]).sqrt_()  # [n, 4, 129]
        for convolution in self._convolutions:
            x = convolution(x)
        return x[:, 0]

    def _decode(
        self, features: torch.Tensor, frames: list[int], state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Probabilities and last state of [frames, sessions, 128], each session to the end of its own chunk.

        One call of the LSTM for each length among the chunks: two as a rule, since 3 s are 93 or 94 frames. A packed
        sequence of unequal lengths would leave oneDNN's LSTM for a loop over the frames, at up to twice the time.
        """
        probabilities = features.new_zeros(features.shape[:2])
        start = 0
        for end in sorted(set(frames)):
            live = sum(n >= end for n in frames)  # they are sorted from long to short
            h, c = state[:, :live].chunk(2)
            outputs, (h, c) = self._lstm(features[start:end, :live], (h, c))
            probabilities[start:end, :live] = functional.linear(outputs.relu(), *self._output).sigmoid()[:, :, 0]
            state[:, :live] = torch.cat((h, c))
            start = end
        return probabilities, state


class _Convolution:
    """A convolution of three taps over few steps, and its ReLU, as a matrix product for each step that it puts out.

    That needs neither padding nor another layout, and costs the same for every number of frames. oneDNN's convolution
    is prepared anew for each number of frames, which differs from batch to batch, and cuDNN's would round to TF32.
    """

    def __init__(self, weights: dict[str, torch.Tensor], layer: int, stride: int) -> None:
        name = f"encoder.{layer}.reparam_conv"
        self._taps = weights[f"{name}.weight"].permute(2, 1, 0).contiguous()  # [3, in, out]
        self._bias = weights[f"{name}.bias"]
        self._stride = stride

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """[n, steps, in] -> [n, steps / stride, out]."""
        steps = x.shape[1]
        outputs = []
        for step in range(0, steps, self._stride):
            first, last = max(step - 1, 0), min(step + 2, steps)  # what the taps would see beyond is zero
            taps = self._taps[first - step + 1 : last - step + 1].flatten(0, 1)
            outputs.append(torch.addmm(self._bias, x[:, first:last].flatten(1), taps))
        return torch.stack(outputs, dim=1).relu_()


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
        stock: torch.nn.Module = torch.jit.load(str(path), map_location="cpu")
    return {
        name.removeprefix("_model."): tensor.detach()
        for name, tensor in stock.state_dict().items()
        if name.startswith("_model.")
    }
