"""Which templates there are: ours, and the files of a site's own folder. Reads names and titles, and no template."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

TemplateKind = Literal["text", "html"]

BUILTIN = Path(__file__).parent / "builtin"
DEFAULT = "soap"

MOST = 100
MOST_BYTES = 256_000
KINDS: Mapping[str, TemplateKind] = {".txt": "text", ".html": "html"}
"""By the ending of the file. In HTML, what a template writes is escaped."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_TITLE = re.compile(r"\{#-?\s*title:\s*(.{1,100}?)\s*-?#\}")


class TemplatesError(ValueError):
    """Templates that cannot be used; `faults` has one line for each, with file, line and what to do."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class TemplateFailed(Exception):
    """A template cannot be rendered. `where` is file and line; `str()` may repeat values that it was given."""

    def __init__(self, file: str, line: int | None, kind: str, reason: str) -> None:
        self.where = f"{file}, line {line}" if line else file
        self.kind = kind
        super().__init__(f"{self.where}: {reason}")


@dataclass(frozen=True, slots=True)
class Template:
    """`title` is what the template's first line says, as in `{# title: Referral letter #}`, or else its name."""

    name: str
    title: str
    kind: TemplateKind
    path: Path


def catalogue(folder: Path | None = None) -> dict[str, Template]:
    """Our templates and those of the folder by name; a site's own takes the place of ours. Raises TemplatesError.

    Files that begin with an underscore are parts for others to include; files of other endings are left alone.
    """
    found, _ = _listed(BUILTIN)
    if folder is None:
        return found
    if not folder.is_dir():
        raise TemplatesError([f"--templates: there is no folder {folder}"])
    own, faults = _listed(folder)
    if len(own) > MOST:
        faults.append(f"--templates: {folder} has more than {MOST} templates: take some out of it")
    if faults:
        raise TemplatesError(faults)
    return found | own


def within(folder: Path, name: str) -> Path | None:
    """The file of that name in the folder, and in no other; None where there is none, also through a link."""
    path = folder / name
    if "/" in name or "\\" in name or not path.is_file():
        return None
    return path if path.resolve().parent == folder.resolve() else None


def _listed(folder: Path) -> tuple[dict[str, Template], list[str]]:
    found: dict[str, Template] = {}
    faults: list[str] = []
    for path in sorted(folder.iterdir()):
        kind = KINDS.get(path.suffix)
        if kind is None or path.name.startswith(("_", ".")):
            continue
        fault = _fault(folder, path, found)
        if fault:
            faults.append(f"--templates: {path}: {fault}")
            continue
        title = _TITLE.match(path.read_text())
        shown = title[1] if title else path.stem.replace("_", " ").replace("-", " ").capitalize()
        found[path.stem] = Template(path.stem, shown, kind, path)
    return found, faults


def _fault(folder: Path, path: Path, found: Mapping[str, Template]) -> str:
    if not _NAME.fullmatch(path.stem):
        return "name it with small letters, digits, - and _ alone: its name stands in URLs"
    if path.stem in found:
        return f"there is {found[path.stem].path.name} too: give one of them another name"
    if within(folder, path.name) is None:
        return "it is no file of this folder: copy the file here in place of the link"
    try:
        return f"it has more than {MOST_BYTES} bytes" if path.stat().st_size > MOST_BYTES else path.read_text() and ""
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        return "it is no text in UTF-8"
