"""The formats of a record: content types, endings, and where each is made. Heavy libraries load on first use."""

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from server.record.record import Record
from server.record.templates.catalogue import DEFAULT

FormatName = Literal["json", "markdown", "fhir", "pdf", "text", "lines"]
NAMES: tuple[FormatName, ...] = get_args(FormatName)

EXTRA = 'pip install "drtranscribe[clinical]"'


@dataclass(frozen=True, slots=True)
class Format:
    """`module` has `render(record) -> bytes`; `needs` are the packages that a plain install lacks.

    Where `templated`, it is `render(record, template, folder)`: the record in the form of a template.
    """

    module: str
    content_type: str
    suffix: str
    needs: tuple[str, ...] = ()
    templated: bool = False


FORMATS: dict[FormatName, Format] = {
    "json": Format("server.record.as_json", "application/json", ".json"),
    "markdown": Format("server.record.as_markdown", "text/markdown; charset=utf-8", ".md"),
    "fhir": Format("server.record.as_fhir", "application/fhir+json", ".fhir.json", ("fhir",)),
    "pdf": Format("server.record.as_pdf", "application/pdf", ".pdf", ("fpdf", "pymupdf_fonts")),
    "text": Format("server.record.templates.as_text", "text/plain; charset=utf-8", ".txt", templated=True),
    "lines": Format("server.record.templates.as_lines", "application/json", ".lines.json", templated=True),
}


class NotInstalled(Exception):
    """The format needs packages that are not here; the message says how to get them."""


def format_of(file_name: str) -> FormatName | None:
    """The format that a file's name asks for by its ending: .fhir.json before .json."""
    fitting = [name for name in NAMES if file_name.casefold().endswith(FORMATS[name].suffix)]
    return max(fitting, key=lambda name: len(FORMATS[name].suffix), default=None)


def installed() -> tuple[FormatName, ...]:
    """The formats that this installation can make."""
    return tuple(name for name in NAMES if not _lacking(name))


def check_installed(name: FormatName) -> None:
    """Raises NotInstalled where this installation cannot make the format."""
    if _lacking(name):
        raise NotInstalled(f"records as {name} need the extra clinical where the server runs: {EXTRA}")


def render(record: Record, name: FormatName, template: str = DEFAULT, folder: Path | None = None) -> bytes:
    """The record in a format. The first takes a second longer: it loads a library.

    `template` and the folder of a site's own are for the formats that are `templated`. Raises NotInstalled, and
    TemplateFailed (server/record/templates/catalogue.py) where the template cannot be rendered.
    """
    check_installed(name)
    module = importlib.import_module(FORMATS[name].module)
    rendered: bytes = module.render(record, template, folder) if FORMATS[name].templated else module.render(record)
    return rendered


def _lacking(name: FormatName) -> bool:
    return any(importlib.util.find_spec(package) is None for package in FORMATS[name].needs)
