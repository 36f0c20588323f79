"""Extractors read the final segments of a consultation and propose findings with the words that prove them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from inference.extraction.memo import Memo
from inference.findings import Finding, Proposal
from inference.transcript import Segment


@dataclass(frozen=True, slots=True)
class Patient:
    """What the client told about the patient at the start; it never reaches a log."""

    name: str | None = None
    age: int | None = None
    gender: str | None = None
    history: str | None = None


@dataclass(frozen=True, slots=True)
class ExtractionRequest:
    """What an extractor may read: every final so far; `segments[new_from:]` were not extracted before.

    `over`: nothing more will be said. The findings may be checked once more against all of it. `memo`: what the same
    extractor found in these segments before.
    """

    segments: Sequence[Segment]
    new_from: int
    findings: Sequence[Finding]
    patient: Patient | None = None
    language: str = "en"
    over: bool = False
    memo: Memo = field(default_factory=Memo, repr=False, compare=False)


class ExtractionError(RuntimeError):
    """The extractor could not answer; transcription goes on. The message says what to do, without a patient's words."""


class UnusableAnswer(ExtractionError):
    """The extractor answered, and not so that it can be used. To ask the same again may not help: less at once may."""


class Extractor(Protocol):
    """Proposes findings; the caller grounds their quotes and merges them."""

    name: str

    async def start(self) -> None:
        """Load and warm up. Raises ExtractionError if the engine is not to be reached."""
        ...

    async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
        """Proposals for the new segments, read in the light of the old. Raises ExtractionError."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Remote(Protocol):
    """An extractor that depends on another process, which may come and go."""

    name: str

    async def check(self) -> None:
        """Raises ExtractionError while that process does not answer."""
        ...


def reads(extractor: Extractor, language: str) -> bool:
    """Whether the extractor knows the language: one that names none of its own knows them all."""
    known: Sequence[str] | None = getattr(extractor, "languages", None)
    return known is None or language.partition("-")[0].lower() in known


def reviews(extractor: Extractor) -> bool:
    """Whether the extractor gains by reading a consultation once more when it is over; `reviews` says so."""
    return bool(getattr(extractor, "reviews", False))
