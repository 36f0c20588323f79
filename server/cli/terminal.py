"""Shows a consultation in a terminal: live where it is one, line by line where the output goes to a file or a pipe."""

from collections.abc import Mapping
from typing import Any, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from server.record.fold import Event, EventFold
from server.record.wording import clock

_SPEAKER_STYLE = {"clinician": "cyan", "patient": "green"}
_STATUS_STYLE = {"present": "bold", "absent": "dim", "possible": "yellow"}


def segment_line(segment: Mapping[str, Any]) -> Text:
    """One line for a segment: its times, its speaker and its text."""
    speaker = segment["speaker"]
    line = Text(f"{clock(segment['start'], tenths=True)}-{clock(segment['end'], tenths=True)}  ", style="dim")
    if speaker != "unknown":
        line.append(f"{speaker}: ", style=_SPEAKER_STYLE.get(speaker, ""))
    return line.append(segment["text"], style="not dim" if segment["final"] else "dim italic")


def notice_line(message: str) -> Text:
    """One line for a notice to the people in the room."""
    return Text(f"! {message}", style="yellow")


def finding_words(finding: Mapping[str, Any]) -> str:
    """`chest pain (onset yesterday)`, with what is unusual about it: family, past, planned."""
    unusual = [
        value for value in (finding["experiencer"], finding["temporality"]) if value not in ("patient", "current")
    ]
    details = [*unusual, *(f"{name} {value}" for name, value in finding["attributes"].items())]
    return str(finding["text"]) + (f" ({', '.join(details)})" if details else "")


def finding_quote(finding: Mapping[str, Any]) -> str:
    """The words that prove a finding, each quote with the time at which it begins."""
    return "; ".join(
        f"“{evidence['quote']}” {clock(evidence['from_s'], tenths=True)}" for evidence in finding["evidence"]
    )


def findings_table(board: EventFold) -> Table:
    """All findings of a consultation, ordered by kind."""
    table = Table(
        "kind", "status", "finding", "words that prove it", title="Findings", title_justify="left", expand=True
    )
    for finding in sorted(board.findings.values(), key=lambda finding: finding["kind"]):
        status = Text(finding["status"], style=_STATUS_STYLE.get(finding["status"], ""))
        kind = finding["kind"].replace("_", " ")
        table.add_row(kind, status, Text(finding_words(finding)), Text(finding_quote(finding), style="italic"))
    return table


class View(Protocol):
    """Shows one consultation while it goes on; the context ends with its summary."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def show(self, event: Event, board: EventFold) -> None:
        """Called after the event was applied to the board."""
        ...


class LiveView:
    """Finals scroll by; below them stay the open partials and the findings."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=8, transient=True)
        self._board = EventFold()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()
        if self._board.stopped is not None:
            _summary(self._console, self._board)

    def show(self, event: Event, board: EventFold) -> None:
        self._board = board
        if event["type"] == "transcript" and event["segment"]["final"] and event["segment"]["text"]:
            self._live.console.print(segment_line(event["segment"]))
        self._live.update(self._screen(board))

    def _screen(self, board: EventFold) -> RenderableType:
        partials = [segment_line(segment) for segment in board.partials.values()]
        lag = Text(f"lag {board.lag_ms / 1000:.1f} s", style="dim")
        notices = [notice_line(message) for message in board.notices.values()]
        return Group(*partials, *notices, *([findings_table(board)] if board.findings else []), lag)


class LineView:
    """A line for each final and each finding as it comes, and the table at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._board = EventFold()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._board.stopped is not None:
            _summary(self._console, self._board)

    def show(self, event: Event, board: EventFold) -> None:
        self._board = board
        if event["type"] == "transcript" and event["segment"]["final"] and event["segment"]["text"]:
            self._line(segment_line(event["segment"]))
        if event["type"] == "notice":
            self._line(notice_line(event["message"]))
        if event["type"] == "extraction":
            for op in event["ops"]:
                finding = op["finding"]
                sign = {"add": "+", "update": "~", "retract": "-"}[op["op"]]
                words = (
                    f"{sign} {finding['kind']}, {finding['status']}: {finding_words(finding)}  {finding_quote(finding)}"
                )
                self._line(Text(words))

    def _line(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


def view_for(console: Console) -> View:
    """A live view for a terminal, and line by line for a file or a pipe."""
    return LiveView(console) if console.is_terminal else LineView(console)


def _summary(console: Console, board: EventFold) -> None:
    if board.findings:
        console.print(findings_table(board))
    stopped = board.stopped or {}
    console.print(
        f"{stopped.get('audio_s', 0):.1f} s of audio, {len(board.finals)} segments, {len(board.findings)} findings",
        highlight=False,
    )
