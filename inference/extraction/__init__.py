"""Extractors read the final segments of a consultation and propose findings with the words that prove them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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
class Consultation:
    """What an extractor may read: every final so far; `segments[new_from:]` were not extracted before."""

    segments: Sequence[Segment]
    new_from: int
    findings: Sequence[Finding]
    patient: Patient | None = None
    language: str = "en"


class ExtractionError(RuntimeError):
    """The extractor could not answer; transcription goes on. The message says what to do, without a patient's words."""


class Extractor(Protocol):
    """Proposes findings; the caller grounds their quotes and merges them."""

    name: str

    async def start(self) -> None:
        """Load and warm up. Raises ExtractionError if the engine is not to be reached."""
        ...

    async def extract(self, consultation: Consultation) -> list[Proposal]:
        """Proposals for the new segments, read in the light of the old. Raises ExtractionError."""
        ...

    async def close(self) -> None: ...
