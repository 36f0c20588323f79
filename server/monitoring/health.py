"""Whether the processes that extractors depend on answer: asked in the background, never by a request."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from inference.extraction import ExtractionError, Extractor, Remote

logger = logging.getLogger(__name__)

EVERY_S = 5.0
LONGEST_S = 20.0
"""Between two questions while there is no answer: twice as long each time, up to this."""


class ExtractionHealth:
    """Run `watch`; `problem` says what is wrong and what to do, or None. `tell` hears each time who answered or not."""

    def __init__(self, extractors: Sequence[Extractor], tell: Callable[[str, bool], None]) -> None:
        self._remotes = [extractor for extractor in extractors if isinstance(extractor, Remote)]
        self._tell = tell
        self._problems: dict[str, str] = {}

    @property
    def problem(self) -> str | None:
        return next(iter(self._problems.values()), None)

    async def watch(self, every_s: float = EVERY_S) -> None:
        """Asks until cancelled."""
        async with asyncio.TaskGroup() as group:
            for remote in self._remotes:
                group.create_task(self._watch(remote, every_s))

    async def _watch(self, remote: Remote, every_s: float) -> None:
        wait_s = every_s
        while True:
            wait_s = every_s if await self._answers(remote) else min(2 * wait_s, max(every_s, LONGEST_S))
            await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))  # servers that share a vLLM ask at different times

    async def _answers(self, remote: Remote) -> bool:
        try:
            await remote.check()
            problem = None
        except ExtractionError as error:
            problem = str(error)
        except Exception as error:  # our own bug must not end the watch
            problem = f"the check of the {remote.name} extractor failed ({type(error).__name__}): report this"
        if problem is None and self._problems.pop(remote.name, ""):
            logger.warning("the extraction server of %s answers again", remote.name)
        elif problem is not None and problem != self._problems.get(remote.name):
            self._problems[remote.name] = problem
            logger.warning("%s", problem)
        self._tell(remote.name, problem is None)
        return problem is None
