"""The record as a note in the form of a template, as plain text (or HTML, where the template is that)."""

from pathlib import Path

from server.record.record import Record
from server.record.templates.environment import rendered
from server.record.templates.tracing import text_of


def render(record: Record, template: str, folder: Path | None) -> bytes:
    """Raises TemplateFailed."""
    written, _ = rendered(record, template, folder)
    return text_of(written).encode()
