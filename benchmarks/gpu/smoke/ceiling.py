"""What PyTorch reaches at the same shapes, as the ceiling of a next engine. Random values: only the time counts."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.gpu.smoke.bench import Bench


class Attention(nn.Module):
    """Queries over keys and values of their own input, or over given ones [batch, heads, positions, features]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.query = nn.LayerNorm(width), nn.Linear(width, width)
        self.both, self.out = nn.Linear(width, 2 * width), nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        heads: Tensor = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return heads

    def forward(self, x: Tensor, given: tuple[Tensor, Tensor] | None = None) -> Tensor:
        normed = self.norm(x)
        keys, values = given or map(self.split, self.both(normed).chunk(2, dim=-1))
        attended = functional.scaled_dot_product_attention(self.split(self.query(normed)), keys, values)
        mixed: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return x + mixed


class FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.wide, self.narrow = (
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.Linear(4 * width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        fed: Tensor = self.narrow(functional.gelu(self.wide(self.norm(x))))
        return x + fed


def _made(bench: Bench, module: nn.Module) -> Any:
    return module.to(bench.device, torch.float32 if bench.short else torch.float16).eval()


def _timed(bench: Bench, work: Callable[[], object]) -> float:
    """Milliseconds of the work, the device's part of it included."""

    def whole() -> None:
        work()
        if bench.device == "cuda":
            torch.cuda.synchronize()

    return bench.milliseconds(whole)


@torch.inference_mode()
def encoder(bench: Bench) -> Iterator[dict[str, Any]]:
    """The encoder with PyTorch's fused attention, from the output of its convolutions on."""
    shape = bench.shape
    layers = [
        part
        for _ in range(shape.encoder_layers)
        for part in (Attention(shape.width, shape.heads), FeedForward(shape.width))
    ]
    network = _made(bench, nn.Sequential(*layers))
    kind = next(network.parameters()).dtype
    rows: list[dict[str, Any]] = []
    for frames in bench.frames:
        for batch in bench.batches:
            x = torch.randn(batch, frames // 2, shape.width, device=bench.device, dtype=kind)
            ms = _timed(bench, partial(network, x))
            rows.append({"frames": frames, "batch": batch, "ms": ms, "item_ms": round(ms / batch, 3)})
            yield {"rows": rows}


@torch.inference_mode()
def decoder(bench: Bench) -> Iterator[dict[str, Any]]:
    """One step of the decoder with 32 tokens behind it, over the encoder's 450 positions, as a CUDA graph."""
    shape = bench.shape

    blocks = [
        _made(bench, module)
        for _ in range(shape.decoder_layers)
        for module in (
            Attention(shape.width, shape.heads),
            Attention(shape.width, shape.heads),
            FeedForward(shape.width),
        )
    ]
    words = _made(bench, nn.Linear(shape.width, 51866, bias=False))
    kind = next(words.parameters()).dtype
    rows: list[dict[str, Any]] = []
    for batch in bench.batches:
        for beam in (1, 5):
            n, features = batch * beam, shape.width // shape.heads
            x = torch.randn(n, 1, shape.width, device=bench.device, dtype=kind)
            behind, heard = (
                (torch.randn(size, shape.heads, length, features, device=bench.device, dtype=kind),) * 2
                for size, length in ((n, 32), (batch, 450))
            )

            def step(
                x: Tensor = x, behind: Any = behind, heard: Any = heard, batch: int = batch, beam: int = beam
            ) -> Tensor:
                for own, cross, wide in zip(*[iter(blocks)] * 3, strict=True):
                    x = own(x, behind)
                    # The beams of an item are queries over the one copy of what was heard.
                    x = wide(cross(x.view(batch, beam, -1), heard).view_as(x))
                return functional.log_softmax(words(x[:, 0]).float(), dim=-1).topk(beam).indices

            run: Callable[[], object] = step
            graph = "none: the CPU has no CUDA graphs"
            row: dict[str, Any] = {"batch": batch, "beam": beam}
            if bench.device == "cuda":
                row["without_graph_ms"] = _timed(bench, step)
                captured = torch.cuda.CUDAGraph()
                with torch.cuda.graph(captured):
                    step()
                run, graph = captured.replay, "captured"
            row["ms"] = _timed(bench, run)
            rows.append(row)
            yield {"graph": graph, "rows": rows}
