"""Writes a model in CTranslate2's format once more with its matrices in int8: half the size of float16, to travel.

CTranslate2 converts from another framework alone, so the file is rewritten here: a matrix becomes int8 with one scale
for each row, as CTranslate2 quantises it when it loads float16 with the compute type int8.
"""

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from inference.weights.variables import DTYPES, read


def write(folder: Path, into: Path) -> Path:
    """`into`, a new folder with the files of the model in `folder`. Raises ValueError for a model of another format."""
    into.mkdir(parents=True)
    for path in folder.iterdir():
        if path.name != "model.bin":
            shutil.copy(path, into / path.name)
    weights = read(folder / "model.bin")
    quantised = [part for name, values in weights.variables.items() for part in _quantised(name, values)]
    scales = {name for name, _ in quantised if name.endswith("/weight_scale")}
    aliases = dict(weights.aliases)
    aliases |= {f"{a}_scale": f"{name}_scale" for a, name in weights.aliases.items() if f"{name}_scale" in scales}
    with (into / "model.bin").open("wb") as file:
        file.write(weights.head + struct.pack("<I", len(quantised)))
        for name, values in quantised:
            file.write(_string(name) + struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape))
            file.write(struct.pack("<BI", DTYPES.index(values.dtype), values.nbytes))
            file.write(values.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        file.write(struct.pack("<I", len(aliases)))
        for pair in aliases.items():
            file.write(b"".join(map(_string, pair)))
    return into


def _quantised(name: str, values: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The variable as it is, or its int8 and its scales: those of linear layers and embeddings, which are matrices."""
    if not name.endswith("/weight") or values.ndim != 2 or not values.is_floating_point():
        yield name, values
        return
    exact = values.float()
    largest = exact.abs().amax(dim=1)
    scale = 127.0 / torch.where(largest == 0, 127.0, largest)
    yield name, (exact * scale[:, None]).round().to(torch.int8)
    yield f"{name}_scale", scale


def _string(text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("<H", len(data)) + data
