"""Whisper's encoder in torch, from the weights of CTranslate2's file, for GPUs.

CTranslate2 computes attention step by step and writes every matrix of scores to memory; torch's fused attention does
not, and its matrix products are those of the newest cuBLAS (docs/decisions.md has what that is worth). The output is
what CTranslate2's encoder gives, so its decoder takes it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from inference.asr.encoding.mel import Mel
from inference.weights.variables import Weights

EPSILON = 1e-5
"""Of the layer norms, in Whisper and in CTranslate2."""

_LAYER = re.compile(r"encoder/layer_(\d+)/")


@dataclass(frozen=True, slots=True)
class Linear:
    weight: Tensor  # [outputs, inputs]
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, self.bias)


@dataclass(frozen=True, slots=True)
class Norm:
    gamma: Tensor
    beta: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.gamma.shape, self.gamma, self.beta, EPSILON)


@dataclass(frozen=True, slots=True)
class Layer:
    """Self-attention and a feed-forward network, each with its norm before it."""

    heads: int
    attention_norm: Norm
    attended: Linear  # queries, keys and values in one product
    mixed: Linear
    feed_norm: Norm
    wide: Linear
    narrow: Linear

    def __call__(self, x: Tensor) -> Tensor:
        batch, steps, width = x.shape
        # [batch, steps, 3, heads, features] -> three of [batch, heads, steps, features]
        parts = self.attended(self.attention_norm(x)).view(batch, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        x = x + self.mixed(attended.transpose(1, 2).reshape(batch, steps, width))
        return x + self.narrow(functional.gelu(self.wide(self.feed_norm(x))))


class Encoder:
    """Safe to call from several threads. On CUDA they share one stream, and each waits for its own work alone.

    torch keeps freed memory for each stream, so a stream for each thread would take as much memory again for each of
    them; the kernels of one batch fill a GPU by themselves.

    It computes in float32, with `half` in float16. Raises KeyError if `weights` are not Whisper's.
    """

    def __init__(self, weights: Weights, device: str, *, half: bool = False) -> None:
        self._device = torch.device(device)
        self._dtype = dtype = torch.float16 if half else torch.float32
        self._stream: torch.cuda.Stream | None = None
        if self._device.type == "cuda":
            self._stream = torch.cuda.Stream(self._device)
            torch.backends.cuda.enable_cudnn_sdp(False)  # which compiles a plan for every new shape, in live work too

        def tensor(name: str) -> Tensor:
            return weights.exact(f"encoder/{name}").to(self._device, dtype)

        def linear(name: str) -> Linear:
            return Linear(tensor(f"{name}/weight"), tensor(f"{name}/bias"))

        def norm(name: str) -> Norm:
            return Norm(tensor(f"{name}/gamma"), tensor(f"{name}/beta"))

        self._convolutions = [linear("conv1"), linear("conv2")]
        self._positions = tensor("position_encodings/encodings")  # [1500, width]
        heads = int(weights.variables["encoder/num_heads"])
        count = len({found[1] for name in weights.variables if (found := _LAYER.match(name))})
        self._layers = [
            Layer(
                heads,
                norm(f"layer_{i}/self_attention/layer_norm"),
                linear(f"layer_{i}/self_attention/linear_0"),
                linear(f"layer_{i}/self_attention/linear_1"),
                norm(f"layer_{i}/ffn/layer_norm"),
                linear(f"layer_{i}/ffn/linear_0"),
                linear(f"layer_{i}/ffn/linear_1"),
            )
            for i in range(count)
        ]
        self._norm = norm("layer_norm")

    @torch.inference_mode()
    def __call__(self, mels: Sequence[Mel]) -> Tensor:
        """[batch, frames / 2, width] of mels of one length that are ready on the device; ready when it returns."""
        if self._stream is None:
            return self._encoded(mels)
        with torch.cuda.stream(self._stream):
            encoded = self._encoded(mels)
            done = self._stream.record_event(torch.cuda.Event(blocking=True))
        done.synchronize()
        return encoded

    def _encoded(self, mels: Sequence[Mel]) -> Tensor:
        x = torch.stack(list(mels)).to(self._dtype)
        for stride, convolution in enumerate(self._convolutions, 1):
            x = functional.gelu(functional.conv1d(x, convolution.weight, convolution.bias, stride, padding=1))
        x = (x.transpose(1, 2) + self._positions[: x.shape[-1]]).contiguous()
        for layer in self._layers:
            x = layer(x)
        return self._norm(x)
