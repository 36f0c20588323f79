"""One session's way through the engines: bytes in, updates out. `stream.py` has that way from beginning to end."""

from inference.stream.checkpoint import Checkpoint
from inference.stream.options import Control, Mode, StreamOptions
from inference.stream.resumed import Resumed
from inference.stream.stream import Stream

__all__ = ["Checkpoint", "Control", "Mode", "Resumed", "Stream", "StreamOptions"]
