"""The record as a PDF: the SOAP note in two columns on A4, then the transcript.

The only import of fpdf and of the fonts. Noto Sans has Latin, Greek and Cyrillic; others are asked for what it lacks,
and what none of them has is shown as a box, which the last line explains: fpdf would log the sign instead.
"""

import logging
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pymupdf_fonts  # type: ignore[import-untyped]
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

from server.record.record import Record
from server.record.soap import RETRACTED, Line, heading, notice, retracted, soap
from server.record.wording import clock, plain

FONTS = {"text": ("", "notos"), "bold": ("B", "notosbo")}
FALLBACKS = ("figo", "symbol2", "symbol1")
"""FiraGO (Arabic, Hebrew, Thai, Georgian, Devanagari) and Noto's symbols; loaded where a record needs them."""

BOX = "□"

_MARGIN_MM, _COLUMN_MM, _TIME_MM = 18.0, 36.0, 14.0
_SIZE, _SMALL, _FOOT, _LINE_MM = 9.0, 7.5, 7.0, 4.5
_INK, _GREY, _RULE = (25, 25, 25), (115, 115, 115), (205, 205, 205)

_PAGES = "\ue000\ue001\ue000"
"""Stands for the number of pages until the end. fpdf's own sign for it, "{nb}", may be said in a consultation; signs of
the private use area that no font has cannot, since they are shown as boxes."""

# The subsetter tells of every table that it drops.
logging.getLogger("fontTools").setLevel(logging.ERROR)


def render(record: Record) -> bytes:
    # The library reads fonts from files alone, once more when it writes. No word of the record is in that folder.
    with TemporaryDirectory(prefix="drtranscribe-fonts-") as folder:
        paper = _Paper(record, Path(folder))
        paper.put_heading(record)
        for section in soap(record):
            paper.put_title(section.title)
            if not section.parts:
                paper.put_small("Nothing was found.")
            for part in section.parts:
                paper.put_row(part.title, map(_line, part.lines))
        if lines := retracted(record):
            paper.put_title(RETRACTED)
            for line in lines:
                paper.put_small(line)
        if record.segments:
            paper.put_title("Transcript")
        for segment in record.segments:
            speaker = "" if segment.speaker == "unknown" else segment.speaker
            paper.put_speech(clock(segment.start), speaker, segment.text)
        if paper.boxes:
            paper.put_small(f"{BOX} stands for a sign that this document's fonts lack; the Markdown record shows it.")
        return bytes(paper.output())


def _line(line: Line) -> tuple[str, str]:
    return line.text, f"{line.said} {line.suggested}".strip()


class _Paper(FPDF):
    def __init__(self, record: Record, folder: Path) -> None:
        super().__init__(format="A4")
        self._folder = folder
        self.alias_nb_pages(_PAGES)
        self.boxes = False
        self._foot = "Draft, not reviewed   ·   page"
        self.set_title("Consultation record")
        self.set_creator(" ".join(record.software))
        self.set_creation_date(record.drawn_at)
        self.set_margins(_MARGIN_MM, _MARGIN_MM)
        self.c_margin = 0
        self.set_auto_page_break(True, margin=_MARGIN_MM + 2)
        self._known = self._load("text", *FONTS["text"])
        self._load("text", *FONTS["bold"])
        self._missing: Iterator[str] = iter(FALLBACKS)
        self._loaded: list[str] = []
        self.add_page()

    def footer(self) -> None:
        self.set_xy(_MARGIN_MM, -_MARGIN_MM + 3)
        # A size of its own: fpdf 2.8 leaves out a font that it takes for the current one, after a fallback wrongly so.
        self._ink(_GREY, _FOOT)
        self.cell(0, 4, f"{self._foot} {self.page_no()} of {_PAGES}")

    def put_heading(self, record: Record) -> None:
        self._ink(_INK, 16, bold=True)
        self.cell(0, 8, "Consultation record", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._ink(_GREY, _SIZE)
        self._paragraph(notice(record))
        self.ln(1.5)
        for name, value in heading(record):
            self._side(name)
            self._flow([(value, "")], bullet="")

    def put_title(self, title: str) -> None:
        if self.will_page_break(20):  # no title without a line below it
            self.add_page()
        self.ln(3)
        self._ink(_INK, 11, bold=True)
        self.cell(0, 6, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_draw_color(*_RULE)
        self.line(_MARGIN_MM, self.get_y(), self.w - _MARGIN_MM, self.get_y())
        self.ln(1.2)

    def put_row(self, name: str, lines: Iterable[tuple[str, str]]) -> None:
        """A part's name beside its lines, each a text and what stands small after it."""
        self._side(name)
        self._flow(lines)
        self.ln(0.8)

    def put_speech(self, time: str, speaker: str, text: str) -> None:
        if self.will_page_break(_LINE_MM):
            self.add_page()
        self._ink(_GREY, _SMALL)
        self.cell(_TIME_MM, _LINE_MM, time)
        if speaker:
            self.cell(_TIME_MM + 2, _LINE_MM, speaker)
        self.set_left_margin(self.get_x())
        self._ink(_INK, _SIZE)
        self._paragraph(text)
        self.set_left_margin(_MARGIN_MM)
        self.set_x(_MARGIN_MM)

    def put_small(self, text: str) -> None:
        self._ink(_GREY, _SMALL)
        self._paragraph(text)

    def _side(self, name: str) -> None:
        if self.will_page_break(_LINE_MM):
            self.add_page()
        self._ink(_GREY, _SIZE)
        self.cell(_COLUMN_MM, _LINE_MM, name)

    def _flow(self, lines: Iterable[tuple[str, str]], bullet: str = "·") -> None:
        """Lines in the right column; a long one goes on below its own beginning."""
        left = _MARGIN_MM + _COLUMN_MM
        for text, small in lines:
            if self.will_page_break(_LINE_MM):
                self.add_page()
            self.set_x(left)
            self._ink(_INK, _SIZE)
            if bullet:
                self.cell(2.5, _LINE_MM, bullet)
            self.set_left_margin(self.get_x())
            self.write(_LINE_MM, self._shown(text))
            if small:
                self._ink(_GREY, _SMALL)
                self.write(_LINE_MM, f"  {self._shown(small)}")
            self.set_left_margin(_MARGIN_MM)
            self.ln(_LINE_MM)

    def _paragraph(self, text: str) -> None:
        self.multi_cell(0, _LINE_MM, self._shown(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _ink(self, colour: tuple[int, int, int], size: float, bold: bool = False) -> None:
        self.set_text_color(*colour)
        self.set_font("text", "B" if bold else "", size)

    def _shown(self, text: str) -> str:
        return "".join(map(self._glyph, plain(text)))

    def _glyph(self, character: str) -> str:
        """The character if some font has it; a box, or nothing for one that is not seen, as a variation selector."""
        while ord(character) not in self._known:
            name = next(self._missing, None)
            if name is None:
                if unicodedata.category(character) in ("Cf", "Mn"):
                    return ""
                self.boxes = True
                return BOX
            self._known |= self._load(name, "", name)
            self._loaded.append(name)
            self.set_fallback_fonts(self._loaded, exact_match=False)
        return character

    def _load(self, family: str, style: str, name: str) -> set[int]:
        """Makes a font usable; the code points that it has."""
        path = self._folder / f"{name}.ttf"
        path.write_bytes(pymupdf_fonts.myfont(name))
        self.add_font(family, style, path)
        font = self.fonts[family + style]
        assert isinstance(font, TTFFont)
        return set(font.cmap)
