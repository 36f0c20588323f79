"""Keeps the memory that CTranslate2 frees on a GPU in its pool, for the next batch.

CTranslate2 allocates from the driver's default pool of the device and leaves the pool's release threshold at 0. Then
the driver takes all free memory back at each synchronisation, and every batch allocates anew. With a threshold without
bound the pool keeps what the largest batch needed, which also means that no other program can take it meanwhile.
"""

import ctypes
import logging

logger = logging.getLogger(__name__)

LIBRARY = "libcuda.so.1"

RELEASE_THRESHOLD = 4
"""CU_MEMPOOL_ATTR_RELEASE_THRESHOLD of the driver's header cuda.h; the value is a cuuint64_t of bytes."""

WITHOUT_BOUND = 2**64 - 1


def keep(device_index: int) -> bool:
    """Whether the default pool of the device keeps its memory from now on; logs why where it does not."""
    try:
        driver = ctypes.CDLL(LIBRARY)
        device, pool = ctypes.c_int(), ctypes.c_void_p()
        _check(driver, "cuInit", ctypes.c_uint(0))
        _check(driver, "cuDeviceGet", ctypes.byref(device), ctypes.c_int(device_index))
        _check(driver, "cuDeviceGetDefaultMemPool", ctypes.byref(pool), device)
        threshold = ctypes.c_uint64(WITHOUT_BOUND)
        _check(driver, "cuMemPoolSetAttribute", pool, ctypes.c_int(RELEASE_THRESHOLD), ctypes.byref(threshold))
    except (OSError, AttributeError, RuntimeError) as error:  # no driver, one without pools, or a refusal
        logger.warning("the GPU's memory pool is left as it is, which makes batches slower: %s", error)
        return False
    return True


def _check(driver: ctypes.CDLL, function: str, *arguments: object) -> None:
    status = getattr(driver, function)(*arguments)
    if status != 0:
        raise RuntimeError(f"{function} of {LIBRARY} answered with error {status}")
