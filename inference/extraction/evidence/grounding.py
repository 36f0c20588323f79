"""A finding is only as good as the words that prove it: a quote must stand in a final segment. Pure."""

import re
from collections.abc import Iterable, Iterator

from inference.extraction.evidence.proof import distinct
from inference.extraction.memo import remembered
from inference.extraction.quantities.reader import quantities
from inference.findings import Evidence, Grounded, Proposal, Quote
from inference.transcript import Segment, word_span

_THOUSANDS = ","
_BETWEEN = re.compile(r"[\W_]+")


class FinalTexts:
    """The finals in which quotes are looked up. `by_id` holds them by their ids, without the partials.

    A model names the segment of each quote, and sometimes the wrong one. Then every final is searched. The letters that
    this search compares are worked out once for each final: an answer of inventions after an hour would otherwise take
    half a second, in which no other session is served.
    """

    def __init__(self, segments: Iterable[Segment]) -> None:
        self.by_id = {segment.id: segment for segment in segments if segment.final}
        self._letters: dict[str, str] = {}  # by the id of the final; empty until a quote names the wrong segment

    def grounded(self, proposal: Proposal) -> Grounded:
        """The proposal with the evidence for those of its quotes that stand in a final."""
        return Grounded(proposal, distinct(self.ground(quote) for quote in proposal.quotes))

    def proof(self, quotes: Iterable[Quote]) -> tuple[Evidence, ...] | None:
        """The evidence for the quotes; None unless each of them stands in a final."""
        found = [self.ground(quote) for quote in quotes]
        evidence = tuple(one for one in found if one is not None)
        return evidence if len(evidence) == len(found) else None

    def ground(self, quote: Quote) -> Evidence | None:
        """The evidence for a quote, or None where no final holds it.

        Case, white space and punctuation may differ; letters, digits and the shape of numbers may not. The returned
        quote is the literal slice of the segment's text, and holds whole quantities: of "point five milligrams" nobody
        can quote "five milligrams". A quote that names the wrong segment is found if it stands in one final alone.
        """
        wanted = "".join(letter for letter, _ in _fold(quote.text))
        if not wanted:
            return None
        named = self.by_id.get(quote.segment)
        if named is not None and (span := _find(wanted, named.text)) is not None:
            return _evidence(named, *span)
        holders = [
            (segment, span)
            for segment in self._holding(quote.text)
            if segment is not named and (span := _find(wanted, segment.text)) is not None
        ]
        if len(holders) != 1:
            return None
        segment, span = holders[0]
        return _evidence(segment, *span)

    def _holding(self, words: str) -> list[Segment]:
        """The finals whose letters and digits contain those of the words: all that hold the quote, and perhaps more."""
        if not self._letters:
            self._letters = {id_: _letters(segment.text) for id_, segment in self.by_id.items()}
        wanted = _letters(words)
        return [self.by_id[id_] for id_, letters in self._letters.items() if wanted in letters]


def _letters(text: str) -> str:
    """Letters and digits alone. Case folding can turn a letter into marks, which are left out too."""
    return _BETWEEN.sub("", _BETWEEN.sub("", text).casefold())


def _evidence(segment: Segment, start: int, end: int) -> Evidence:
    start, end = _whole_quantities(segment.text, start, end)
    from_s, to_s = word_span(segment, start, end)
    return Evidence(
        segment=segment.id,
        quote=segment.text[start:end],
        start=start,
        end=end,
        from_s=from_s,
        to_s=to_s,
        speaker=segment.speaker,
    )


def _whole_quantities(text: str, start: int, end: int) -> tuple[int, int]:
    """The span, widened to the quantities that it would cut: what is left of one is another quantity."""
    for quantity in quantities(text) if start > 0 or end < len(text) else ():
        if quantity.start < start < quantity.end:
            start = quantity.start
        if quantity.start < end < quantity.end:
            end = quantity.end
    return start, end


@remembered
def _fold(text: str) -> list[tuple[str, int]]:
    """Letters and digits of the text, case folded, each with its index in the text.

    What stands between two digits is kept as a dot or a space: "38.5" is not "385" and "3 5" is not "35".
    """
    folded: list[tuple[str, int]] = []
    for index, character in enumerate(text):
        if not character.isalnum():
            continue
        before, origin = folded[-1] if folded else ("", index)
        between = text[origin + 1 : index]
        if between and before.isdigit() and character.isdigit() and between != _THOUSANDS:
            folded.append(("." if between == "." else " ", index))
        elif character.isdigit() and _opens_decimals(text, index):
            folded.append((".", index - 1))
        folded += [(part, index) for part in character.casefold() if part.isalnum()]
    return folded


def _opens_decimals(text: str, at: int) -> bool:
    """A point stands before the digit at `at`, which is no end of an ellipsis: "Warfarin.5mg"."""
    return at > 0 and text[at - 1] == "." and text[max(0, at - 2) : at - 1] != "."


def _find(wanted: str, text: str) -> tuple[int, int] | None:
    folded = _fold(text)
    for at in _occurrences(wanted, "".join(letter for letter, _ in folded)):
        start, end = folded[at][1], folded[at + len(wanted) - 1][1] + 1
        if _opens_word(text, start) and _closes_word(text, end):
            return start, end
    return None


def _occurrences(wanted: str, folded: str) -> Iterator[int]:
    at = folded.find(wanted)
    while at >= 0:
        yield at
        at = folded.find(wanted, at + 1)


def _opens_word(text: str, start: int) -> bool:
    if text[start] == ".":
        return start == 0 or not text[start - 1].isdigit()
    if text[start].isdigit() and _opens_decimals(text, start):
        return False
    if start == 0 or not text[start - 1].isalnum():
        return not (start > 1 and _joins_number(text, start - 1))
    return False


def _closes_word(text: str, end: int) -> bool:
    if end == len(text):
        return True
    # "can" must not prove itself from "can't".
    if text[end] in "'’" and text[end + 1 : end + 2].casefold() == "t" and not text[end + 2 : end + 3].isalnum():
        return False
    return not text[end].isalnum() and not _joins_number(text, end)


def _joins_number(text: str, at: int) -> bool:
    """The character at `at` is the point or the comma inside a number."""
    return text[at] in ".," and at > 0 and text[at - 1].isdigit() and at + 1 < len(text) and text[at + 1].isdigit()
