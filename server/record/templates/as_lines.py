"""The lines of a note in the form of a template, each with the findings that it says (`drtranscribe.lines.v1`).

One object: format, session_id, seq (the last event that is in it), template, lines [{text, findings (ids), heading}],
findings (those that a line names, in the wire's own shape, with their evidence). A line whose `heading` is true begins
a section. A line without findings is the template's own.
"""

from pathlib import Path

from pydantic_core import to_json

from server.protocol import finding_fields
from server.record.record import Record
from server.record.templates.environment import rendered
from server.record.templates.tracing import lines

FORMAT = "drtranscribe.lines.v1"


def render(record: Record, template: str, folder: Path | None) -> bytes:
    """Raises TemplateFailed."""
    written, values = rendered(record, template, folder)
    found = lines(written)
    named = dict.fromkeys(number for line in found for number in line.findings)
    fields = {
        "format": FORMAT,
        "session_id": record.session_id,
        "seq": record.seq,
        "template": template,
        "lines": [
            {
                "text": line.text,
                "findings": [values.findings[number].id for number in line.findings],
                "heading": line.heading,
            }
            for line in found
        ],
        "findings": [finding_fields(values.findings[number]) for number in named],
    }
    return to_json(fields, indent=1) + b"\n"
