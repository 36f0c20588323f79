"""Failures of the device, told from failures of an item by their words."""

from collections.abc import Iterator
from contextlib import contextmanager

DEVICE_FAULTS = ("cuda", "cublas", "cudnn", "out of memory", "nvml")
"""Words by which an error of CTranslate2 or torch is known to be the device's."""

OUT_OF_MEMORY = ("out of memory", "alloc_failed", "memory allocation")
"""Words by which such an error is known to be one of memory: CUDA's, cuBLAS's, and torch's."""


class DeviceError(RuntimeError):
    """The device failed, not the item: memory, driver, hardware. The message says what to do."""


class OutOfMemory(DeviceError):
    """The device's memory ran out. Nothing else is wrong: fewer items at once may fit."""


@contextmanager
def device_faults() -> Iterator[None]:
    """Raises DeviceError or OutOfMemory in place of a RuntimeError of the device; lets every other error pass."""
    try:
        yield
    except RuntimeError as error:
        said = str(error).lower()
        if isinstance(error, DeviceError) or not any(word in said for word in DEVICE_FAULTS):
            raise
        reason = str(error).splitlines()[0][:200]
        if any(word in said for word in OUT_OF_MEMORY):
            remedy = "stop what else uses this GPU, or give a smaller --asr-max-batch"
            raise OutOfMemory(f"the device's memory ran out ({reason}): {remedy}") from error
        raise DeviceError(f"the device failed ({reason}): see its driver's log") from error
