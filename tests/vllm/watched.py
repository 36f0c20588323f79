"""The real client, with a record of what it has read."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema

from inference.extraction import ExtractionRequest
from inference.extraction.llm.client import VllmExtractor
from inference.extraction.llm.listing import FACTS_SCHEMA
from inference.extraction.llm.prompt import Message
from inference.extraction.llm.responses import Completion
from inference.extraction.llm.schema import ANSWER_SCHEMA
from inference.findings import Proposal

ANSWER_LIMIT_S = 900.0
"""Two cores and a model that fills its answers: far more than a request takes on a real host."""


class Watched(VllmExtractor):
    """Keeps which segments each answer was for, by the text of the consultation's first one."""

    def __init__(self, url: str) -> None:
        super().__init__(url, timeout_s=ANSWER_LIMIT_S)
        self.answered: dict[str, list[tuple[int, int]]] = {}
        self.proposals = 0
        self.valid = 0
        self.lists = 0
        """Answers to `list_facts`."""

    async def _complete(
        self,
        model: str,
        messages: Sequence[Message],
        max_tokens: int,
        name: str = "operations",
        schema: Mapping[str, Any] = ANSWER_SCHEMA,
    ) -> Completion:
        """By the schema itself: the client reads answers of servers that do not know it, and is more tolerant."""
        completion = await super()._complete(model, messages, max_tokens, name, schema)
        (choice,) = completion.choices
        if choice.finish_reason == "stop":
            jsonschema.validate(json.loads(choice.message.content or ""), schema)
            self.valid += schema is ANSWER_SCHEMA
        self.lists += schema is FACTS_SCHEMA
        return completion

    async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
        said = [segment.text for segment in consultation.segments]
        proposals = await super().extract(consultation)
        self.answered.setdefault(said[0], []).append((consultation.new_from, len(said)))
        self.proposals += len(proposals)
        return proposals

    def read(self, first: str) -> int:
        """Segments read without a gap, of the consultation that begins so. Raises AssertionError at a gap."""
        upto = 0
        for new_from, end in self.answered.get(first, []):
            assert new_from <= upto, f"segments {upto} to {new_from} were never asked about"
            upto = max(upto, end)
        return upto
