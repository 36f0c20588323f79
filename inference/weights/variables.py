"""The weights in a file of CTranslate2's format (model.bin), by name, as torch tensors over the mapped file."""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

BINARY_VERSION = 6
"""Of CTranslate2 3 and 4 (python/ctranslate2/specs/model_spec.py)."""

DTYPES = (torch.float32, torch.int8, torch.int16, torch.int32, torch.float16, torch.bfloat16)
"""By their numbers in the file, which are those of CTranslate2's DataType (include/ctranslate2/types.h)."""


@dataclass(frozen=True, slots=True)
class Weights:
    """`head` is what comes before the number of variables; `aliases` are names for variables of other names."""

    head: bytes
    variables: Mapping[str, Tensor]
    aliases: Mapping[str, str]

    def exact(self, name: str) -> Tensor:
        """A variable as it was before it was quantised, in float32. Raises KeyError."""
        values = self.variables[self.aliases.get(name, name)]
        if values.dtype != torch.int8:
            return values.float()
        scale = self.variables[self.aliases.get(f"{name}_scale", f"{name}_scale")].float()
        return values.float() / scale.reshape(-1, *[1] * (values.ndim - 1))


def read(path: Path) -> Weights:
    """The tensors share the file's pages, but for those that do not begin at a multiple of their size: they are copied.

    Raises ValueError for another format.
    """
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    reader = _Reader(data)
    version = reader.number()
    if version != BINARY_VERSION:
        raise ValueError(
            f"{path.name} has version {version} of CTranslate2's format; only {BINARY_VERSION} can be read"
        )
    reader.text()
    reader.number()  # the revision of the model's specification
    head = data[: reader.at]
    variables = dict(reader.variable() for _ in range(reader.number()))
    return Weights(head, variables, {reader.text(): reader.text() for _ in range(reader.number())})


@dataclass(slots=True)
class _Reader:
    data: mmap.mmap
    at: int = 0

    def number(self, form: str = "<I") -> int:
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return int(value)

    def text(self) -> str:
        size = self.number("<H")
        self.at += size
        return self.data[self.at - size : self.at - 1].decode()

    def variable(self) -> tuple[str, Tensor]:
        name = self.text()
        shape = [self.number() for _ in range(self.number("<B"))]
        kind, size = DTYPES[self.number("<B")], self.number()
        begin, self.at = self.at, self.at + size
        raw = torch.frombuffer(self.data, dtype=torch.uint8, count=size, offset=begin)
        if begin % kind.itemsize:
            raw = raw.clone()  # a view of another type must begin at a multiple of its size
        return name, raw.view(kind).reshape(shape)
