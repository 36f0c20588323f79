"""The record as Markdown: a SOAP note, each line with the times at which it was said, and the transcript."""

import re
from collections.abc import Iterator

from server.record.record import Record
from server.record.soap import OMITTED, RETRACTED, heading, notice, omitted, retracted, soap
from server.record.wording import clock, plain

_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~&]")
_LIST_MARK = re.compile(r"^(\d+)([.)])(?=\s|$)|^([-+])(?= )")


def render(record: Record) -> bytes:
    return ("\n".join(_lines(record)) + "\n").encode()


def _lines(record: Record) -> Iterator[str]:
    yield "# Consultation record"
    yield ""
    yield f"**{_text(notice(record))}**"
    yield ""
    for name, value in heading(record):
        yield f"{name}: {_text(value)}  "
    for section in soap(record):
        yield ""
        yield f"## {section.title}"
        if not section.parts:
            yield ""
            yield "Nothing was found."
        for part in section.parts:
            yield ""
            yield f"### {part.title}"
            yield ""
            for line in part.lines:
                codes = f" ({_text(line.suggested)})" if line.suggested else ""
                yield f"- {_text(line.text)}{codes} {line.said}"
    if lines := retracted(record):
        yield ""
        yield f"## {RETRACTED}"
        yield ""
        yield from (f"- {_text(line)}" for line in lines)
    if lines := omitted(record):
        yield ""
        yield f"## {OMITTED}"
        yield ""
        yield from (f"- {_text(line)}" for line in lines)
    yield ""
    yield "## Transcript"
    yield ""
    for segment in record.segments:
        speaker = "" if segment.speaker == "unknown" else f"{segment.speaker}: "
        yield f"- [{clock(segment.start)}] {speaker}{_text(segment.text)}"


def _text(text: str) -> str:
    """Words that stay words: nothing in them is markup or HTML."""
    escaped = _SPECIAL.sub(lambda found: "\\" + found[0], plain(text))
    return _LIST_MARK.sub(r"\1\\\2\3", escaped)
