"""Writes a model in CTranslate2's format once more with its matrices in int8: half the size of float16, to travel.

CTranslate2 converts from another framework alone, so the file is rewritten here: a matrix becomes
int8 with one scale for each row, as CTranslate2 quantises it when it loads float16 with the compute type int8.
"""

import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

DTYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
"""By their numbers in the file, which are those of CTranslate2's DataType (include/ctranslate2/types.h)."""


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    values: NDArray[np.generic]


def write(folder: Path, into: Path) -> Path:
    """`into`, a new folder with the files of the model in `folder`. Raises ValueError for a model of another format."""
    into.mkdir(parents=True)
    for path in folder.iterdir():
        if path.name != "model.bin":
            shutil.copy(path, into / path.name)
    with (folder / "model.bin").open("rb") as source, (into / "model.bin").open("wb") as file:
        head, variables, aliases = _read(source)
        quantised = [part for variable in variables for part in _quantised(variable)]
        scaled = {part.name for part in quantised if part.name.endswith("weight_scale")}
        aliases += [(f"{alias}_scale", f"{name}_scale") for alias, name in aliases if f"{name}_scale" in scaled]
        file.write(head + struct.pack("I", len(quantised)))
        for variable in quantised:
            file.write(_string(variable.name) + struct.pack("B", variable.values.ndim))
            file.write(struct.pack(f"{variable.values.ndim}I", *variable.values.shape))
            file.write(struct.pack("<BI", DTYPES.index(variable.values.dtype.type), variable.values.nbytes))
            file.write(variable.values.tobytes())
        file.write(struct.pack("I", len(aliases)))
        for alias in aliases:
            file.write(b"".join(map(_string, alias)))
    return into


def _quantised(variable: Variable) -> Iterator[Variable]:
    """The variable as it is, or its int8 and its scales: those of linear layers and embeddings, which are matrices."""
    values = variable.values
    if not variable.name.endswith("/weight") or values.ndim != 2 or values.dtype.type not in (np.float16, np.float32):
        yield variable
        return
    exact = values.astype(np.float32)
    largest = np.abs(exact).max(axis=1)
    scale = 127.0 / np.where(largest == 0, 127.0, largest)
    yield Variable(variable.name, np.rint(exact * scale[:, None]).astype(np.int8))
    yield Variable(f"{variable.name}_scale", scale.astype(np.float32))


def _read(file: BinaryIO) -> tuple[bytes, list[Variable], list[tuple[str, str]]]:
    """What comes before the variables, the variables, and the aliases with what they stand for."""
    version = file.read(4)
    (number,) = struct.unpack("I", version)
    if number < 6:
        raise ValueError(f"a model.bin of version {number}: this reads version 6, which CTranslate2 4 writes")
    head = version + _string(_text(file)) + file.read(4)
    variables = []
    for _ in range(_number(file)):
        name = _text(file)
        shape = [_number(file) for _ in range(file.read(1)[0])]
        kind = file.read(1)[0]
        if kind >= len(DTYPES):
            raise ValueError(f"{name} has a type that NumPy does not know (bfloat16): give a model in float16")
        values = np.frombuffer(file.read(_number(file)), DTYPES[kind]).reshape(shape)
        variables.append(Variable(name, values))
    return head, variables, [(_text(file), _text(file)) for _ in range(_number(file))]


def _number(file: BinaryIO) -> int:
    return int.from_bytes(file.read(4), "little")


def _text(file: BinaryIO) -> str:
    return file.read(int.from_bytes(file.read(2), "little"))[:-1].decode()


def _string(text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("H", len(data)) + data
