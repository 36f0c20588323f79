"""The process that renders records, apart from the server: there a rendering would keep the interpreter from its loop.

    python -m server.record.renderer MEMORY_BYTES CPU_S TEMPLATES [FORMAT ...]

TEMPLATES is the folder of a site's own, or nothing ("").

The server hands it one end of a socket pair for each record, over the Unix socket that is its standard input. The
process imports the libraries of the named formats once, then forks for each record. The fork reads a job until the end
of the stream, answers, and ends. What a job holds is therefore in no other process's memory, and is gone with the fork;
a record that takes too much memory or time ends its fork alone. Nothing is written to standard output or error.
"""

import importlib
import json
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from inference.extraction import Patient
from inference.extraction.isolation import place_of
from server.forks import fork_for_each, set_apart
from server.record.formats import FORMATS, NAMES, FormatName, render
from server.record.record import Declared, draw
from server.record.templates.catalogue import DEFAULT, TemplateFailed

RENDERED, FAILED, TEMPLATE_FAILED = b"+", b"-", b"t"
"""First byte of an answer. The record follows, or the place of an error: in our code, or in a template."""

READ_BYTES = 1 << 16


def job(
    events: Iterable[bytes],
    name: FormatName,
    session_id: str,
    declared: Declared,
    drawn_at: datetime,
    software: tuple[str, str],
    template: str = DEFAULT,
) -> bytes:
    """What the process is told: a line of JSON, then each event of the log on a line of its own."""
    patient = declared.patient
    head = {
        "name": name,
        "template": template,
        "session_id": session_id,
        "mode": declared.mode,
        "language": declared.language,
        "patient": asdict(patient) if patient else None,
        "started_at": declared.started_at.isoformat(),
        "drawn_at": drawn_at.isoformat(),
        "software": software,
    }
    return b"\n".join((json.dumps(head).encode(), *events))


def answer(told: bytes, templates: Path | None = None) -> bytes:
    """The answer to a job. An error's message may hold a patient's words, so its place alone is told."""
    try:
        first, *events = told.split(b"\n")
        head: dict[str, Any] = json.loads(first)
        patient = Patient(**head["patient"]) if head["patient"] else None
        declared = Declared(head["mode"], head["language"], patient, datetime.fromisoformat(head["started_at"]))
        drawn_at, (software, version) = datetime.fromisoformat(head["drawn_at"]), head["software"]
        record = draw(events, head["session_id"], declared, drawn_at, (software, version))
        return RENDERED + render(record, head["name"], head["template"], templates)
    except TemplateFailed as error:
        return TEMPLATE_FAILED + f"{error.where} ({error.kind})".encode()
    except Exception as error:
        return FAILED + place_of(error).encode()


def main() -> None:
    memory, cpu_s, folder_of_templates, *formats = sys.argv[1:]
    templates = Path(folder_of_templates) if folder_of_templates else None
    set_apart()
    for name in NAMES:
        if name in formats:
            importlib.import_module(FORMATS[name].module)
    with _folder() as folder:
        tempfile.tempdir = folder
        fork_for_each(partial(_serve, waits_s=4 * int(cpu_s), templates=templates), int(memory), int(cpu_s))


def _folder() -> AbstractContextManager[str | None]:
    """For the files of fonts, which a fork that is killed leaves behind. None where nothing can be written: no PDF."""
    try:
        return tempfile.TemporaryDirectory(prefix="drtranscribe-records-")
    except OSError:
        return nullcontext()


def _serve(handed: list[int], waits_s: int, templates: Path | None) -> None:
    """One job, in a fork of its own."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(waits_s)  # for one that waits without computing
    with socket.socket(fileno=handed[0]) as line:
        told = bytearray()
        while part := line.recv(READ_BYTES):
            told += part
        line.sendall(answer(bytes(told), templates))


if __name__ == "__main__":
    main()
