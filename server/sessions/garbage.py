"""Python's collector of cycles, kept out of the way of a thousand live sessions."""

import ctypes
import gc


def settle() -> None:
    """To be called before the server listens, and when it is warm: what is there stays, and is not walked again.

    A full collection over a thousand sessions held the event loop for 190 ms. Sessions free themselves by reference
    counts; the collector is for what escapes them, and may come rarely.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def give_back() -> bool:
    """Returns freed memory to the system: glibc keeps what threads have freed. Takes milliseconds, so not on the loop.

    Returns whether the system's library can do that.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return trim is not None
