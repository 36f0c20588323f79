"""A finding is only as good as the words that prove it: a quote must stand in a final segment. Pure."""

from collections.abc import Iterator, Mapping

from inference.extraction.memo import remembered
from inference.extraction.quantities.reader import quantities
from inference.findings import Evidence, Quote
from inference.transcript import Segment, word_span

_THOUSANDS = ","


def ground(quote: Quote, segments: Mapping[str, Segment]) -> Evidence | None:
    """The evidence for a quote, or None where no final holds it.

    Case, white space and punctuation may differ; letters, digits and the shape of numbers may not. The returned quote
    is the literal slice of the segment's text, and holds whole quantities: of "point five milligrams" nobody can quote
    "five milligrams". A quote that names the wrong segment is found if it stands in one final.
    """
    wanted = "".join(letter for letter, _ in _fold(quote.text))
    if not wanted:
        return None
    named = segments.get(quote.segment)
    if named is not None and named.final:
        span = _find(wanted, named.text)
        if span is not None:
            return _evidence(named, *span)
    holders = [
        (segment, span)
        for segment in segments.values()
        if segment.final and segment is not named and (span := _find(wanted, segment.text)) is not None
    ]
    if len(holders) != 1:
        return None
    segment, span = holders[0]
    return _evidence(segment, *span)


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
