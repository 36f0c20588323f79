"""The events of one session, made ready once and handed to everybody who watches it."""

import asyncio
import logging

from inference.extraction.isolation import place_of
from server.viewers.frames import STOPPED, frame
from server.viewers.source import Source
from server.viewers.viewer import Viewer

logger = logging.getLogger(__name__)

_WITHDRAWN = b'"reason":"withdrawn"'


class Feed:
    """One task that follows a source from number `seq` on, for as long as somebody watches.

    An event costs a viewer one call of `write`: no task of the viewer is woken for it.
    """

    def __init__(self, source: Source, seq: int) -> None:
        self.seq = seq
        """The number of the last event that went to the viewers."""
        self.over = False
        self._source = source
        self._viewers: set[Viewer] = set()
        self._task = asyncio.create_task(self._run())

    def join(self, viewer: Viewer, seq: int) -> bool:
        """Shows the viewer all above `seq`. False if the feed is over or already beyond: read on, and ask again."""
        if self.over or self.seq > seq:
            return False
        viewer.begin(seq)
        self._viewers.add(viewer)
        return True

    def leave(self, viewer: Viewer) -> None:
        """The last one who leaves ends the feed."""
        self._viewers.discard(viewer)
        if not self._viewers:
            self.over = True
            self._task.cancel()

    async def _run(self) -> None:
        whole, text = False, b""
        try:
            async for text in self._source.follow(self.seq):
                shown = frame(text)
                self.seq = shown.seq
                for viewer in tuple(self._viewers):
                    viewer.show(shown)
            whole = text.startswith(STOPPED) and _WITHDRAWN not in text
        except Exception as error:  # viewers come back and read on; the session goes on
            logger.error("the viewers of a session were disconnected: %s", place_of(error))
        finally:
            self.over = True
            for viewer in tuple(self._viewers):
                viewer.end(whole)
