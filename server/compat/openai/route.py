"""`POST /v1/audio/transcriptions`: a recording in, its transcript out. `_transcribe` shows the way of a request.

A request passes the same access rules, quotas, audit and metrics as a session. Its spans are decoded behind those of
every live session. The recording and its transcript are gone when it is answered.
"""

import asyncio
import json
import math
import secrets
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from aiohttp import web

from inference.stream.files.transcription import FileFailed, FileSegment, FileTranscription, Tell
from inference.transcript import Speaker
from server.access.access import Denied
from server.access.doorkeeper import Doorkeeper
from server.access.principal import Principal
from server.compat.openai.answers import Transcribed, answer, delta, diarized_segment, done
from server.compat.openai.errors import Refusal, error_body
from server.compat.openai.form import Form, Reader
from server.media.decoding import FileFault
from server.monitoring.metrics import Metrics
from server.sessions.refusing import SHUTDOWN_RETRY_S, Full
from server.sessions.registry import Sessions
from server.settings import Settings
from server.socket.door import visitor_of

BUSY_RETRY_S = 15.0
CLIENT_LEFT = 499
LOOK_S = 0.5
"""How often the server looks whether the client is still there."""

KEY_BYTES = "this key sends more bytes a minute than it may: send the recording again later"
SHUTTING_DOWN = "the server is going down: send the recording again in some seconds"
INCOMPLETE = (
    "so this recording has no complete transcript and its transcription ended there: send it again; if it fails at the "
    "same seconds, send the parts before and behind them, and ask the server's operator to look into the log"
)
"""What a failed span means here, where a session would go on without it."""

FAULTS = {
    "one_channel": "diarized_json needs two channels, left clinician and right patient, and this recording has one: "
    "send it with response_format json or verbose_json",
}
STATUS = {"too_long": 413}


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


class Transcriptions:
    """The route's handler over the engine of one server, with at most `max_files` recordings at a time."""

    def __init__(self, sessions: Sessions, settings: Settings, metrics: Metrics, keeper: Doorkeeper) -> None:
        self._sessions = sessions
        self._settings = settings
        self._metrics = metrics
        self._keeper = keeper
        self._open: Counter[str | None] = Counter()  # recordings by owner
        self._tasks: set[asyncio.Task[web.StreamResponse]] = set()
        self._closing = False

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Every error is JSON in OpenAI's shape, says what to do, and reaches a client that is still sending."""
        visitor = visitor_of(request.transport)
        try:
            principal = self._keeper.admit(request, "speak")
        except Denied as denied:
            if visitor is not None:
                visitor.discards()
            response = self._keeper.refusal(request, denied)
            response.text = json.dumps(error_body(denied.status, denied.code, str(denied)))
            return response
        try:
            with self._place(principal), ExitStack() as stack:
                if visitor is not None:
                    visitor.admitted()
                return await self._held(request, self._transcribe(request, principal, stack))
        except Refusal as refusal:
            return self._refused(request, principal, refusal)
        except ClientLeft:
            self._keeper.note(request, "file_transcribed", principal, outcome="client_left")
            return web.Response(status=CLIENT_LEFT)  # which nobody reads
        finally:
            if visitor is not None:
                visitor.waits_again()
                visitor.discards()

    async def close(self) -> None:
        """Ends what is under way: its clients are told to come again."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)

    async def _transcribe(self, request: web.Request, principal: Principal, stack: ExitStack) -> web.StreamResponse:
        def count(size: int) -> None:
            if wait_s := self._keeper.access.quotas.receive(principal, size):
                raise Refusal(429, "key_bytes", KEY_BYTES, None, wait_s)

        settings, pipeline = self._settings, self._sessions.pipeline
        reader = Reader(settings.max_file_bytes, settings.request_timeout_s, pipeline.languages)
        form = await reader.read(request, stack, count)
        language = form.language or settings.language
        language_ = None if language == "auto" else language
        speakers: tuple[Speaker, ...] = ("clinician", "patient") if form.diarized else ("unknown",)
        transcription = pipeline.open_file(f"file {secrets.token_hex(8)}", speakers, language_, form.prompt)
        if form.stream:
            response = await self._streamed(request, principal, form, transcription, language_)
        else:
            found: list[FileSegment] = []

            async def keep(segments: Sequence[FileSegment]) -> None:
                found.extend(segments)

            await self._decode(form, transcription, keep)
            kind, body = answer(form, Transcribed.of(found, transcription.audio_s, language_))
            response = web.Response(text=body, content_type=kind, headers={"Cache-Control": "no-store"})
        self._metrics.files.inc()
        self._metrics.audio_seconds.inc(transcription.audio_s)
        self._keeper.note(request, "file_transcribed", principal)
        return response

    async def _decode(self, form: Form, transcription: FileTranscription, tell: Tell) -> None:
        """The recording from its bytes to its segments. Raises Refusal."""
        pcm = self._sessions.decoding.read(form.file.fileno(), 2 if form.diarized else 1, self._settings.max_file_s)
        counted_s = 0.0

        async def count_and_tell(segments: Sequence[FileSegment]) -> None:
            nonlocal counted_s
            self._metrics.file_seconds.inc(transcription.told_s - counted_s)
            counted_s = transcription.told_s
            await tell(segments)

        try:
            await transcription.run(pcm, count_and_tell)
            self._metrics.file_seconds.inc(transcription.audio_s - counted_s)  # the silence at the end
        except FileFault as fault:
            told = FAULTS.get(fault.code, str(fault))
            raise Refusal(STATUS.get(fault.code, 400), f"file_{fault.code}", told, "file") from None
        except FileFailed as failed:
            seconds = str(failed).partition(": ")[0]
            raise Refusal(500, "asr_failed", f"{seconds}, {INCOMPLETE}") from None

    async def _streamed(
        self,
        request: web.Request,
        principal: Principal,
        form: Form,
        transcription: FileTranscription,
        language: str | None,
    ) -> web.StreamResponse:
        """Server-Sent Events. What fails after the first of them is told by an event that OpenAI's client raises."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        found: list[FileSegment] = []
        texts: list[str] = []

        async def send(event: dict[str, Any]) -> None:
            if not response.prepared:
                await response.prepare(request)
            await response.write(f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode())

        async def tell(segments: Sequence[FileSegment]) -> None:
            for one in segments:
                event = delta(one, not texts, form.diarized)
                texts.append(event["delta"])
                await send(event)
                if form.diarized:
                    await send(diarized_segment(one))
            found.extend(segments)

        try:
            await self._decode(form, transcription, tell)
        except Refusal as refusal:
            if not response.prepared:
                raise
            self._keeper.refused(request, refusal.code, principal)
            await send(error_body(refusal.status, refusal.code, str(refusal), refusal.param))
        except asyncio.CancelledError:
            if not (self._closing and response.prepared):
                raise
            await send(error_body(503, "shutting_down", SHUTTING_DOWN))
        else:
            await send(done(Transcribed.of(found, transcription.audio_s, language), "".join(texts)))
        await response.write_eof()
        return response

    async def _held(self, request: web.Request, work: Coroutine[Any, Any, web.StreamResponse]) -> web.StreamResponse:
        """Runs a request until it is answered, its client leaves, or the server goes down."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        try:
            while True:
                ready, _ = await asyncio.wait({task}, timeout=LOOK_S)
                if ready:
                    return task.result()
                if request.transport is None or request.transport.is_closing():
                    raise ClientLeft
        except ConnectionError:
            raise ClientLeft from None
        except asyncio.CancelledError:
            if task.cancelled():  # by `close`, and not this handler
                raise Refusal(503, "shutting_down", SHUTTING_DOWN, None, SHUTDOWN_RETRY_S) from None
            raise
        finally:
            self._tasks.discard(task)
            task.cancel()
            with suppress(Exception, asyncio.CancelledError):
                await task

    @contextmanager
    def _place(self, principal: Principal) -> Iterator[None]:
        """A place among the recordings at once. Raises Refusal."""
        if self._closing:
            raise Refusal(503, "shutting_down", SHUTTING_DOWN, None, SHUTDOWN_RETRY_S)
        try:
            self._sessions.check_ready()
        except Full as full:
            raise Refusal(503, full.code, str(full), None, full.retry_after_s) from None
        most, own = self._settings.max_files, self._keeper.access.quotas.sessions(principal)
        if self._open.total() >= most:
            told = f"all {most} recordings of this server are taken: try again later (--max-files)"
            raise Refusal(503, "full", told, None, BUSY_RETRY_S)
        if own is not None and self._open[principal.owner] >= own:
            told = f"{own} recordings of this key are under way: wait for one of them, or ask the operator for more"
            raise Refusal(429, "key_sessions", told, None, BUSY_RETRY_S)
        self._open[principal.owner] += 1
        try:
            yield
        finally:
            self._open[principal.owner] -= 1
            self._open += Counter()  # forgets owners without a recording

    def _refused(self, request: web.Request, principal: Principal, refusal: Refusal) -> web.Response:
        self._keeper.refused(request, refusal.code, principal)
        headers = {"Cache-Control": "no-store"}
        if refusal.retry_after_s is not None:
            headers["Retry-After"] = str(math.ceil(refusal.retry_after_s))
        body = error_body(refusal.status, refusal.code, str(refusal), refusal.param)
        return web.json_response(body, status=refusal.status, headers=headers)


FILES = web.AppKey("files", Transcriptions)
