"""One session's way through the engines: bytes in, updates out. `stream.py` has that way from beginning to end."""

from inference.stream.options import Control, Mode, StreamOptions
from inference.stream.stream import Stream

__all__ = ["Control", "Mode", "Stream", "StreamOptions"]
