"""No export makes a finding surer than it is: its status, its limit and its mark of doubt stand in each of them."""

import io
import json
from dataclasses import replace

import pytest
from pypdf import PdfReader

from inference.findings import KINDS, Finding, Kind, Status
from server.record import as_json, as_markdown, as_pdf
from tests.support.fhir_document import of
from tests.support.recorded import findings, record

STATUSES: tuple[Status, ...] = ("present", "absent", "possible")
MARKS = {"dose": "5", "maximum": "8 tablets a day", "check": "dose: no unit"}
CELLS = [(kind, status) for kind in KINDS for status in STATUSES]
DENIALS = ("denies", "no ", "not ")


def made(kind: Kind, status: Status) -> Finding:
    order = {"order_type": "medication"} if kind == "order" else {}
    return replace(findings()[0], kind=kind, text="zebrine", status=status, codes=(), attributes={**MARKS, **order})


def words(text: str, status: Status) -> None:
    """The line of the finding in a note that people read."""
    line = " ".join(text.split())
    before = line[: line.index("zebrine")][-30:].casefold()
    assert ("possible" in before) is (status == "possible")
    assert any(word in before for word in DENIALS) is (status == "absent")
    for mark in ("8 tablets a day", "no unit"):
        assert mark in line


@pytest.mark.parametrize(("kind", "status"), CELLS)
def test_json_keeps_status_limit_and_doubt(kind: Kind, status: Status) -> None:
    (told,) = json.loads(as_json.render(record(found=[made(kind, status)], turns=[])))["findings"]
    assert (told["kind"], told["status"]) == (kind, status)
    assert told["attributes"].items() >= MARKS.items()


@pytest.mark.parametrize(("kind", "status"), CELLS)
def test_markdown_keeps_status_limit_and_doubt(kind: Kind, status: Status) -> None:
    text = as_markdown.render(record(found=[made(kind, status)], turns=[])).decode()
    (line,) = [line for line in text.splitlines() if "zebrine" in line]
    words(line, status)


@pytest.mark.parametrize("status", STATUSES)
def test_pdf_keeps_status_limit_and_doubt_of_every_kind(status: Status) -> None:
    for kind in KINDS:
        content = as_pdf.render(record(found=[made(kind, status)], turns=[]))
        words(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages), status)


@pytest.mark.parametrize(("kind", "status"), CELLS)
def test_fhir_keeps_status_limit_and_doubt(kind: Kind, status: Status) -> None:
    resource = of(made(kind, status))
    told = json.dumps(resource)
    for mark in ("8 tablets a day", "no unit"):
        assert mark in told
    assert "doseAndRate" not in told
    refused = ("refuted", "not-taken", "doNotPerform", '"valueBoolean": false', "denies zebrine", "no zebrine")
    assert any(sign in told for sign in refused) is (status == "absent")
    assert ("possible" in told) is (status == "possible")
