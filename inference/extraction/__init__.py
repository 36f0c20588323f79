"""Extractors read the final segments of a consultation and propose findings with the words that prove them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from inference.extraction.memo import Memo
from inference.findings import Finding, Proposal, Quote
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
    """What an extractor may read: every final so far, of which `segments[new_from:]` were not extracted before.

    The texts are cut to what may prove a finding (speech_guard.py), and empty where the extractor does not read the
    language. `findings` are those that stand now. `language` is that of the newest segment. `over` says that nothing
    more will be said, so that the findings may be checked once more against all segments. `memo` keeps what the same
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
    """The extractor could not answer. The caller tries again with the same segments.

    The message says what to do, and holds none of the patient's words.
    """


class UnusableAnswer(ExtractionError):
    """The extractor answered with something that cannot be used. The caller asks again about fewer segments."""


class LateAnswer(ExtractionError):
    """The extractor did not answer in time. The caller asks again about fewer segments, and passes none over."""


class Extractor(Protocol):
    """Proposes findings. The caller looks their quotes up, checks them and merges them."""

    name: str

    async def start(self) -> None:
        """Loads and warms up. Raises ExtractionError if the engine cannot be reached."""
        ...

    async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
        """Returns proposals for the new segments, which it reads in the context of the old ones.

        Raises ExtractionError if it cannot answer, and UnusableAnswer or LateAnswer if fewer segments at once may help.
        """
        ...

    async def close(self) -> None:
        """Releases what `start` took. No `extract` is called after it."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """A sentence of which no fact was made. The proposal's `text` is the sentence itself; `named` quotes the clinical
    words in it."""

    proposal: Proposal
    named: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """What an extractor finds in a whole consultation, noted or not."""

    facts: Sequence[Proposal] = ()
    sentences: Sequence[Heard] = ()


@runtime_checkable
class Lister(Protocol):
    """An extractor that lists the facts of a consultation for the comparison with its note."""

    name: str

    async def list_facts(self, consultation: ExtractionRequest) -> Listed:
        """Lists the facts of all segments. Raises ExtractionError if it cannot answer."""
        ...


@runtime_checkable
class Remote(Protocol):
    """An extractor that depends on another process, which may come and go."""

    name: str

    async def check(self) -> None:
        """Raises ExtractionError while that process does not answer."""
        ...


def reads(extractor: Extractor, language: str) -> bool:
    """Whether the extractor reads the language (a code such as "en" or "en-GB"). Without `languages` it reads all."""
    known: Sequence[str] | None = getattr(extractor, "languages", None)
    return known is None or language.partition("-")[0].lower() in known


def reviews(extractor: Extractor) -> bool:
    """Whether the extractor gains by reading a consultation once more when it is over: its attribute `reviews`."""
    return bool(getattr(extractor, "reviews", False))
