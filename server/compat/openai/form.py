"""The form of a request: what is asked for, and the recording, which is kept in memory that no file system has."""

import os
import tempfile
from collections.abc import Callable, Collection, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, Any, Literal, TypeVar, get_args

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from server.compat.openai.errors import Refusal
from server.sessions.patience import patience

Result = TypeVar("Result")

ResponseFormat = Literal["json", "text", "srt", "vtt", "verbose_json", "diarized_json"]
FORMATS: tuple[ResponseFormat, ...] = get_args(ResponseFormat)
STREAMED = ("json", "text", "diarized_json")
GRANULARITIES = ("word", "segment")

MAX_FIELDS = 64
MAX_FIELD_BYTES = 65_536
MAX_PROMPT_CHARACTERS = 20_000
READ_BYTES = 1 << 18

NO_FORM = "send multipart/form-data with the recording in the field file"
LATE = "the recording stopped arriving, or arrives too slowly: send it again over a faster connection"

LEAST_BYTES = 32_768
"""Of a body that must come within each `idle_s`: who sends less would hold a place that others wait for."""


@dataclass(frozen=True, slots=True)
class Form:
    """A request. `language` is None where it names none. `file` is open until the form's `close`."""

    file: IO[bytes]
    language: str | None = None
    prompt: str = ""
    response_format: ResponseFormat = "json"
    words: bool = False
    segments: bool = True
    stream: bool = False

    @property
    def diarized(self) -> bool:
        return self.response_format == "diarized_json"


@dataclass(slots=True)
class Reader:
    """Reads forms. `most_bytes` is the largest recording. `LEAST_BYTES`, or the rest, must come within each `idle_s`.

    `languages` are those of the model, None where it takes any.
    """

    most_bytes: int
    idle_s: float
    languages: Collection[str] | None
    _fields: dict[str, list[str]] = field(default_factory=dict)
    _due_at: float = field(init=False)
    _came: int = 0  # bytes since `_due_at` was set

    def __post_init__(self) -> None:
        self._due_at = patience.now() + self.idle_s

    async def read(self, request: web.Request, stack: ExitStack, count: Callable[[int], None]) -> Form:
        """The form of a request; its recording is closed, and so erased, with `stack`.

        `count` is told of the bytes as they come, and may raise Refusal. Raises Refusal.
        """
        file: IO[bytes] | None = None
        try:
            reader = await request.multipart()
            while (part := await self._in_time(reader.next())) is not None:
                if not isinstance(part, BodyPartReader) or not part.name or len(self._fields) >= MAX_FIELDS:
                    raise Refusal(400, "invalid_form", NO_FORM)
                if part.name == "file" and file is None:
                    file = stack.enter_context(_memory())
                    await self._keep(part, file, count)
                else:
                    self._fields.setdefault(part.name, []).append(await self._text(part, count))
        except (ValueError, KeyError, AssertionError, HttpProcessingError, RuntimeError):
            raise Refusal(400, "invalid_form", NO_FORM) from None
        if file is None or not file.tell():
            raise Refusal(400, "missing_file", "the form has no recording: send it in the field file", "file")
        file.seek(0)
        return self._form(file)

    async def _keep(self, part: BodyPartReader, file: IO[bytes], count: Callable[[int], None]) -> None:
        while piece := await self._in_time(part.read_chunk(READ_BYTES)):
            self._arrived(len(piece), count)
            if file.tell() + len(piece) > self.most_bytes:
                told = f"the recording is larger than {self.most_bytes} bytes: send it in parts, or compressed"
                raise Refusal(413, "file_too_large", told, "file")
            file.write(piece)

    async def _text(self, part: BodyPartReader, count: Callable[[int], None]) -> str:
        held = bytearray()
        while piece := await self._in_time(part.read_chunk()):
            self._arrived(len(piece), count)
            held += piece
            if len(held) > MAX_FIELD_BYTES:
                raise Refusal(413, "field_too_large", f"a field is larger than {MAX_FIELD_BYTES} bytes: send less")
        return held.decode(errors="replace")

    def _arrived(self, size: int, count: Callable[[int], None]) -> None:
        count(size)
        self._came += size
        if self._came >= LEAST_BYTES:
            self._came, self._due_at = 0, patience.now() + self.idle_s

    async def _in_time(self, coming: Coroutine[Any, Any, Result]) -> Result:
        try:
            async with patience.timeout(self._due_at - patience.now()):
                return await coming
        except TimeoutError:
            raise Refusal(408, "body_late", LATE) from None

    def _one(self, name: str) -> str:
        return self._fields.get(name, [""])[-1].strip()

    def _form(self, file: IO[bytes]) -> Form:
        chosen = self._one("response_format") or "json"
        if chosen not in FORMATS:
            told = f"this response_format is unknown: give one of {', '.join(FORMATS)}"
            raise Refusal(400, "unknown_response_format", told, "response_format")
        granularities = self._fields.get("timestamp_granularities[]", []) + self._fields.get(
            "timestamp_granularities", []
        )
        if not set(granularities) <= set(GRANULARITIES):
            told = f"this granularity is unknown: give {' or '.join(GRANULARITIES)}"
            raise Refusal(400, "unknown_granularity", told, "timestamp_granularities[]")
        if granularities and chosen != "verbose_json":
            told = "timestamp_granularities[] needs response_format verbose_json"
            raise Refusal(400, "granularity_without_verbose_json", told, "timestamp_granularities[]")
        stream = self._truth("stream")
        if stream and chosen not in STREAMED:
            told = f"stream=true gives {', '.join(STREAMED)}: choose one of these, or leave stream out"
            raise Refusal(400, "format_cannot_stream", told, "stream")
        self._check_temperature()
        prompt = self._one("prompt")
        if len(prompt) > MAX_PROMPT_CHARACTERS:
            told = f"the prompt is longer than {MAX_PROMPT_CHARACTERS} characters: its last words are what counts"
            raise Refusal(400, "prompt_too_long", told, "prompt")
        words, segments = "word" in granularities, not granularities or "segment" in granularities
        return Form(file, self._language(), prompt, chosen, words, segments, stream)

    def _language(self) -> str | None:
        language = self._one("language").lower()
        if language and language != "auto" and self.languages is not None and language not in self.languages:
            listed = ", ".join(sorted(self.languages))
            raise Refusal(
                400, "invalid_language", f"the model does not know this language: give one of {listed}", "language"
            )
        return language or None

    def _truth(self, name: str) -> bool:
        said = self._one(name).lower()
        if said not in ("", "true", "false", "1", "0"):
            raise Refusal(400, "invalid_value", f"{name} is true or false", name)
        return said in ("true", "1")

    def _check_temperature(self) -> None:
        """The engine decodes with a beam and has no temperature: the field is accepted for clients that send it."""
        try:
            if 0 <= float(self._one("temperature") or 0) <= 1:
                return
        except ValueError:
            pass
        raise Refusal(400, "invalid_value", "temperature is a number from 0 to 1", "temperature")


def _memory() -> IO[bytes]:
    """A file in memory that has no name; where the system has none, one on a disk without a name."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("recording", os.MFD_CLOEXEC), "w+b")
    return tempfile.TemporaryFile()
