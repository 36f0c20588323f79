"""The record as a PDF, its text read back with another library."""

import io
import logging
from dataclasses import replace

import pytest
from pypdf import PdfReader

from inference.transcript import Segment
from server.record.as_pdf import BOX, render
from server.record.soap import soap
from server.record.wording import clock
from tests.support.recorded import PATIENT, findings, record, segments


def pages(made) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(render(made))).pages]


def text(made) -> str:
    """Words of all pages with single spaces: where a line breaks is the paper's affair."""
    return " ".join(" ".join(pages(made)).split())


def test_every_finding_stands_on_paper_with_its_times():
    found = text(record())
    lines = [line for section in soap(record()) for part in section.parts for line in part.lines]
    assert len(lines) == len(findings())
    assert [line.text for line in lines if f"{line.text} {line.said}" not in found] == []


def test_the_transcript_and_whom_it_is_about_stand_on_paper():
    found = text(record())
    for turn in segments():
        assert f"{clock(turn.start)} {turn.speaker} {turn.text}" in found
    assert f"{PATIENT.name}, 54 years, female" in found
    assert "not reviewed" in found


def test_its_metadata_name_nobody():
    meta = PdfReader(io.BytesIO(render(record()))).metadata
    assert meta.title == "Consultation record"
    assert "Doe" not in str(dict(meta))


def test_letters_of_many_scripts_are_shown_and_what_no_font_has_is_a_box_that_is_explained(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    wild = "Müller, Ελληνικά, Привет, 37 °C ≥ 36, 😀 痛 👩‍⚕️"
    made = record(found=[replace(findings()[0], text=wild)])
    found = text(made)
    assert f"Müller, Ελληνικά, Привет, 37 °C ≥ 36, {BOX} {BOX}" in found
    assert f"{BOX} stands for a sign" in found
    assert "stands for a sign" not in text(record())
    logged = caplog.text + "".join(capfd.readouterr())
    assert not set("😀痛ώЭλ") & set(logged)
    assert "missing" not in logged


@pytest.mark.parametrize("word", ["שלום", "สวัสดี", "გამარჯობა", "✓"])
def test_other_scripts_come_from_the_fallback_fonts(word):
    found = text(record(found=[replace(findings()[0], text=word)]))
    assert BOX not in found


def test_a_long_consultation_goes_on_over_pages_and_every_page_has_its_foot():
    turns = [Segment(f"s{n}", "unknown", 3.0 * n, 3.0 * n + 2, f"sentence number {n} " * 8, True) for n in range(120)]
    found = pages(record(found=[], turns=turns, mode="ambient"))
    assert len(found) > 3
    for number, page in enumerate(found, 1):
        assert f"page {number} of {len(found)}" in page
    assert all(f"sentence number {n} " in " ".join(" ".join(found).split()) for n in range(120))


def test_a_word_longer_than_a_line_and_an_empty_consultation_break_nothing():
    assert "Nothing was found." in text(record(found=[], turns=[], patient=None))
    assert "aaaa" in text(record(found=[replace(findings()[0], text="a" * 500)]))


def test_the_id_of_a_session_which_is_the_key_of_its_record_is_on_no_page():
    drawn = record()
    pages = "".join(page.extract_text() for page in PdfReader(io.BytesIO(render(drawn))).pages)
    assert "Consultation record" in pages
    assert drawn.session_id not in pages


def test_a_page_count_that_somebody_says_stays_what_they_said():
    assert "take {nb} of them" in text(record(found=[replace(findings()[0], text="take {nb} of them")]))
    assert "\ue000" not in text(record(found=[replace(findings()[0], text="a \ue000\ue001\ue000 b")]))


def test_what_was_taken_back_stands_on_paper_apart_with_its_words():
    gone = findings()[0]
    found = text(replace(record(), findings=(), retracted=(gone,)))
    apart = found[found.index("Said and taken back") :]
    assert "no longer so: chest pain" in apart
    assert f"“{gone.evidence[0].quote}”" in apart
