"""The one JSON schema of the model's answer, and the reading of such an answer. Waits for nothing.

The models below are both what the server's grammar enforces and what is checked again here, because a server without
structured outputs answers too. Their field order is the order of writing: evidence before value, so that the model
copies the words first and then says what they mean. Everything is required and bounded, which every grammar engine
compiles; hence attributes as a list of pairs and not as an object of fifteen optional keys.
"""

import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from inference.extraction import UnusableAnswer
from inference.extraction.llm.prompt import restored
from inference.findings import (
    ATTRIBUTES,
    Experiencer,
    Finding,
    Kind,
    Proposal,
    Quote,
    Status,
    Temporality,
    retraction,
)

log = logging.getLogger(__name__)


ASKED_ATTRIBUTES = tuple(name for name in ATTRIBUTES if name not in ("heard", "check"))
"""Not the words behind a corrected drug name, nor what is in doubt: a model would make them up."""


def _known(name: str) -> str:
    if name not in ASKED_ATTRIBUTES:
        raise ValueError("unknown attribute")
    return name


def _text(longest: int) -> Any:
    return Field(min_length=1, max_length=_SLACK * longest, json_schema_extra={"maxLength": longest})


def bounded_list(most: int, least: int = 0) -> Any:
    return Field(min_length=least, max_length=_SLACK * most, json_schema_extra={"maxItems": most})


_SLACK = 4
"""How far beyond the grammar's bounds an answer is read: a server without structured outputs does not know them."""

Identifier = Annotated[str, Field(min_length=1, max_length=16)]
AttributeName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(ASKED_ATTRIBUTES)})]


MOST_OPERATIONS = 10
"""Of one answer. What is said in a turn has fewer; an answer about several turns that needs them all is split. With the
bounds of the words below, a model that repeats itself is stopped by the grammar within some 1,300 tokens."""

RETRACTED_SHARE = 1 / 3
"""Of the findings that one answer may take back; one in any case. People correct themselves in one thing or two: an
answer that takes back more is broken, or does what somebody told it."""


class Exact(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _QuotedWords(Exact):
    segment: Identifier
    quote: Annotated[str, _text(160)]


class _Attribute(Exact):
    name: AttributeName
    value: Annotated[str, _text(60)]


class _Evident(Exact):
    evidence: Annotated[list[_QuotedWords], bounded_list(3, least=1)]


class PlainFact(_Evident):
    kind: Kind
    text: Annotated[str, _text(100)]
    status: Status
    temporality: Temporality
    experiencer: Experiencer


class _Fact(PlainFact):
    attributes: Annotated[list[_Attribute], bounded_list(8)]


class _Adds(Exact):
    op: Literal["add"]


class _Updates(Exact):
    op: Literal["update"]
    finding_id: Identifier


class _Retracts(Exact):
    op: Literal["retract"]
    finding_id: Identifier


# The base named last gives its fields first (pydantic walks the resolution order backwards): op, id, evidence, value.
class _Addition(_Fact, _Adds):
    pass


class _Correction(_Fact, _Updates):
    pass


class _Retraction(_Evident, _Retracts):
    pass


class Answer(Exact):
    """The model's answer: what it changes in the findings."""

    operations: Annotated[list[_Addition | _Correction | _Retraction], bounded_list(MOST_OPERATIONS)]

    @property
    def exhausted(self) -> bool:
        """Whether the bound may have ended it before the model did. One that repeats itself had nothing to add.

        A model that repeats itself counts the segments on, so what proves the facts is not compared.
        """
        facts = [operation.model_dump(exclude={"evidence"}) for operation in self.operations]
        return len(facts) == MOST_OPERATIONS and facts[-1] not in facts[:-1]


ANSWER_SCHEMA: dict[str, Any] = Answer.model_json_schema()


def read_answer(content: str) -> Answer:
    """Reads an answer. Raises UnusableAnswer, whose message holds no word of the answer, if it breaks the schema."""
    with contextlib.suppress(ValidationError):
        return Answer.model_validate_json(content)
    # Raised here, not in a handler: even a suppressed context would carry the answer along.
    raise UnusableAnswer(
        "the extraction model's answer is not JSON under the schema: serve it with structured outputs (vLLM does)"
    )


def proposals_of(answer: Answer, findings: Sequence[Finding]) -> list[Proposal]:
    """The proposals of one answer, their quotes unchecked; an operation on what is not in `findings` is left out.

    So are all retractions, if there are more than an honest answer has.
    """
    operations = answer.operations
    if sum(isinstance(operation, _Retraction) for operation in operations) > max(1, RETRACTED_SHARE * len(findings)):
        log.warning("the extraction model took back more findings than people take back at once: these stay")
        operations = [operation for operation in operations if not isinstance(operation, _Retraction)]
    known = {finding.id: finding for finding in findings}
    proposals = [proposal for operation in operations if (proposal := _proposal(operation, known))]
    if dropped := len(operations) - len(proposals):
        log.info(
            "the extraction model changed findings that do not exist (%d of %d operations, dropped): "
            "if this happens often, serve a larger model",
            dropped,
            len(operations),
        )
    return proposals


def whole_items(content: str, name: str) -> str:
    """An answer that was cut off, up to the last whole item of its list `name`; "" if there is none.

    A small model may repeat one operation until its tokens are spent: what came before stands.
    """
    try:
        found = from_json(content, allow_partial=True)
    except ValueError:
        return ""
    items = found.get(name) if isinstance(found, dict) else None
    if not isinstance(items, list) or len(items) < 2:
        return ""
    try:
        return json.dumps({name: items[:-1]})
    except ValueError:  # a number of more digits than Python writes
        return ""


def _proposal(operation: _Addition | _Correction | _Retraction, known: Mapping[str, Finding]) -> Proposal | None:
    if isinstance(operation, _Addition):
        return replace(proposal_of(operation), attributes=_attributes(operation))
    if operation.finding_id not in known:
        return None
    if isinstance(operation, _Correction):
        changed = replace(proposal_of(operation), attributes=_attributes(operation))
        return replace(changed, op="update", finding_id=operation.finding_id)
    return retraction(known[operation.finding_id], _quotes(operation), "model")


def proposal_of(fact: PlainFact) -> Proposal:
    """The addition of a fact, without attributes."""
    return Proposal(
        kind=fact.kind,
        text=restored(fact.text),
        quotes=_quotes(fact),
        source="model",
        status=fact.status,
        temporality=fact.temporality,
        experiencer=fact.experiencer,
    )


def _quotes(evident: _Evident) -> tuple[Quote, ...]:
    return tuple(Quote(words.segment, restored(words.quote)) for words in evident.evidence)


def _attributes(fact: _Fact) -> dict[str, str]:
    return {attribute.name: restored(attribute.value) for attribute in fact.attributes}
