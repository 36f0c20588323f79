"""Makes the libcublas.so.12 loadable that CTranslate2 opens by name on its first matrix product.

A host with CUDA 13 alone has none. The wheel nvidia-cublas-cu12 brings one, but in a folder where the loader does not
look: loading it by its path first is enough, since the loader knows a library that is there by its soname.
"""

import ctypes
from importlib.util import find_spec
from pathlib import Path

LIBRARY = "libcublas.so.12"


def preload() -> str:
    """Says where the library comes from. Raises RuntimeError where none is to be had."""
    if loads(LIBRARY):
        return "system"
    in_wheel = wheel_library(LIBRARY)
    if in_wheel is None:
        raise RuntimeError(f"CTranslate2 needs {LIBRARY} on a GPU, and there is none: pip install drtranscribe[gpu]")
    compiler = wheel_library("libnvrtc.so.12")  # which cuBLAS 12.9 opens by name as well
    for path in (compiler, in_wheel.with_name("libcublasLt.so.12"), in_wheel):
        if path is not None:
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    return "wheel nvidia-cublas-cu12"


def loads(name: str) -> bool:
    """Whether the loader finds a library by its name; it stays loaded."""
    try:
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def wheel_library(name: str) -> Path | None:
    """A library in one of NVIDIA's wheels, which all lie below the one package `nvidia`."""
    spec = find_spec("nvidia")
    folders = spec.submodule_search_locations if spec is not None else None
    return next((path for folder in folders or [] for path in Path(folder).glob(f"*/lib/{name}")), None)
