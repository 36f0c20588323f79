"""Where the WebSocket frames of a byte stream end, so that a fault can be put inside a frame or between two. Pure."""

from dataclasses import dataclass

HEAD_END = b"\r\n\r\n"
LENGTHS = {126: 2, 127: 8}
MASK = 0x80


@dataclass(slots=True)
class FrameEnds:
    """One direction of a connection. The HTTP head of the handshake counts as its first frame."""

    _shaken: bool = False
    _head: bytes = b""
    _left: int = 0

    def take(self, data: bytes) -> list[int]:
        """The places in `data`, which follows what was taken before, right behind the end of a frame."""
        found, at = [], 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                if not self._left:
                    found.append(at)
                continue
            self._head += data[at : at + 1]
            at += 1
            if self._whole():
                self._head = b""
                if not self._left:
                    found.append(at)
        return found

    def _whole(self) -> bool:
        """Whether the head is complete; notes how long its payload is."""
        if not self._shaken:
            self._shaken = self._head.endswith(HEAD_END)
            return self._shaken
        if len(self._head) < 2:
            return False
        short = self._head[1] & ~MASK
        extended = LENGTHS.get(short, 0)
        if len(self._head) < 2 + extended + (4 if self._head[1] & MASK else 0):
            return False
        self._left = int.from_bytes(self._head[2 : 2 + extended], "big") if extended else short
        return True
