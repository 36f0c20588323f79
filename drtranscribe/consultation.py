"""One consultation with a server: audio goes in, events come out, and lost connections are resumed."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from drtranscribe.events import Event, SessionStarted, SessionStopped
from drtranscribe.record import RecordFormat, fetch_record
from drtranscribe.socket import ConsultationError, Message, Ticket, addresses
from drtranscribe.transport import ENCODED_BYTES_PER_S, Transport

Encoding = Literal["pcm_s16le", "webm_opus", "ogg_opus"]


def full_jitter(attempt: int, base_s: float = 0.25, cap_s: float = 8.0) -> float:
    """Seconds to wait before attempt 1, 2, 3 ... (AWS Architecture Blog, "Exponential Backoff And Jitter")."""
    return random.uniform(0, min(cap_s, base_s * 2.0**attempt))


class Consultation:
    """One consultation with a server: an async context manager, and an async iterator over its events.

    Make one with `connect`. Entering it starts the session. When the connection is lost, the consultation connects
    again and resumes: every sample arrives once, and every event is given once, in order.

    Leaving the context stops the consultation if `stop` was not called, waits for its last event, and raises a failure
    that no call has raised before. Leaving it by an exception closes the connection alone, without a stop; the server
    then ends the session when `limits.resume_ttl_s` have passed.

    One task may send while another reads. Events wait without limit until they are read; audio that the server has not
    received waits up to `max_waiting_s`. What it has received is kept until the server says that it is durable.
    """

    started: SessionStarted
    """The first event, from entering the context on: session_id, limits, models."""

    def __init__(
        self,
        url: str,
        start: Message,
        *,
        api_key: str | None,
        max_waiting_s: float,
        backoff: Callable[[int], float],
        ticket: Ticket | None = None,
    ) -> None:
        self._api_key = api_key
        self._transport = Transport(addresses(url), start, api_key, backoff, ticket)
        bare = start["audio"]["encoding"] == "pcm_s16le"
        self._max_waiting = int((start["audio"]["sample_rate"] if bare else ENCODED_BYTES_PER_S) * max_waiting_s)
        self._stopping = False
        self._told = False

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        encoding: Encoding = "pcm_s16le",
        sample_rate: int = 16_000,
        channels: int = 1,
        mode: Literal["ambient", "dual"] = "ambient",
        language: str | None = None,
        patient: Mapping[str, Any] | None = None,
        consent: bool = True,
        consent_wording: str | None = None,
        appointment_id: str | None = None,
        clinician_id: str | None = None,
        vocabulary: Sequence[str] | None = None,
        api_key: str | None = None,
        ticket: Ticket | None = None,
        max_waiting_s: float = 60.0,
        backoff: Callable[[int], float] = full_jitter,
    ) -> Self:
        """A consultation to enter with `async with`.

        Entering raises ConsultationError if the session cannot start; `connect` itself does no network traffic and
        raises ConsultationError only for a `url` that is none.

        url: the server's WebSocket, `ws://HOST:PORT/ws` or `wss://HOST/ws`; `/ws` may be left out.
            Several servers that share a store, with commas between them, are tried in this order; the server may name
            more of them (`started["addresses"]`).
        encoding: "pcm_s16le" for bare samples; "webm_opus" or "ogg_opus" for the bytes of a MediaRecorder, or of a
            program that records Opus, in order and from the first one on.
        sample_rate, channels: of the audio for `send`; 8,000 to 48,000 Hz, 1 or 2 channels. A recorder's stream has its
            own rate.
        mode: "dual" means that channel 0 is the clinician and channel 1 the patient; "ambient" is one microphone.
        language: such as "en"; "auto" means the first language that is heard clearly. The server has a default.
        patient: what is known beforehand: `name`, `age`, `gender`, `history`.
        consent: states that the people who are recorded have agreed to it. The server refuses False.
        consent_wording: what they agreed to, in the words that they were told; the record keeps it.
        appointment_id: your own name of the appointment; the record keeps it.
        clinician_id: your own name of the clinician who holds it; the record keeps it, and it gives no access.
        vocabulary: names that may be said and that a recogniser does not know, as they are to be written.
        api_key: a key of the server, sent as `Authorization: Bearer ...`.
        ticket: gives a ticket for each connection, where the program has no key of its own (see `fetch_ticket`).
        max_waiting_s: seconds of audio that are kept in memory before `send` waits for the server.
        backoff: the seconds to wait before the n-th try to connect, n = 1, 2, 3 ...
        """
        start: Message = {
            "type": "start_session",
            "audio": {"encoding": encoding, "sample_rate": sample_rate, "channels": channels},
            "mode": mode,
            "consent": consent,
        }
        optional = {
            "language": language,
            "consent_wording": consent_wording,
            "patient": patient,
            "appointment_id": appointment_id,
            "clinician_id": clinician_id,
            "vocabulary": vocabulary,
        }
        start |= {name: value for name, value in optional.items() if value is not None}
        return cls(url, start, api_key=api_key, max_waiting_s=max_waiting_s, backoff=backoff, ticket=ticket)

    async def __aenter__(self) -> Self:
        await self._transport.open()
        self.started = self._transport.started
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None and not self._told:
                await self.stop()
        finally:
            await self._transport.close()

    @property
    def session_id(self) -> str:
        """The server's name for the session. Where the server has keys, it is of no use without the right one."""
        return self.started["session_id"]

    async def send(self, pcm: bytes) -> None:
        """Send audio: signed 16-bit little-endian samples, interleaved, any number of whole sample frames.

        With another `encoding`: the next bytes of the recorder, cut anywhere.

        Waits while the server is `max_waiting_s` behind. Raises ValueError for a torn sample, and ConsultationError
        once the consultation has failed or ended.
        """
        transport, outbox = self._transport, self._transport.outbox
        if len(pcm) % outbox.frame_bytes:
            raise ValueError(f"send whole sample frames: multiples of {outbox.frame_bytes} bytes, not {len(pcm)}")
        for at in range(0, len(pcm), transport.max_frame_bytes):
            self._check_open()
            while outbox.waiting_samples >= self._max_waiting:
                transport.room.clear()
                await transport.room.wait()
                self._check_open()
            transport.put_audio(pcm[at : at + transport.max_frame_bytes])

    async def marker(self, id: int) -> None:
        """Ask for a `marker` event once all that was sent before is transcribed and extracted.

        It may come twice after a lost connection: a message that may not have arrived is sent again.
        """
        self._control({"type": "marker", "id": id})

    async def pause(self) -> None:
        """From here on the server counts the audio, so that times go on, and listens to none of it."""
        self._control({"type": "pause_session"})

    async def continue_(self) -> None:
        """End a pause."""
        self._control({"type": "continue_session"})

    async def edit_finding(self, finding_id: str, fields: Mapping[str, Any]) -> None:
        """Change fields of a finding as the clinician says: `kind`, `text`, `status`, `temporality`, `experiencer`,
        `attributes`. No extractor changes the finding afterwards. An `extraction` event follows, or an `error` event.
        """
        self._control({"type": "edit_finding", "finding_id": finding_id, "fields": dict(fields)})

    async def dismiss_finding(self, finding_id: str) -> None:
        """Retract a finding that is wrong; it does not come back."""
        self._control({"type": "dismiss_finding", "finding_id": finding_id})

    async def confirm_finding(self, finding_id: str) -> None:
        """Keep a finding as it is: no extractor changes it afterwards."""
        self._control({"type": "confirm_finding", "finding_id": finding_id})

    async def add_finding(self, fields: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]]) -> None:
        """Add a finding of the clinician's own: `kind` and `text`, and what else `edit_finding` takes.

        `evidence` are quotes, `{"segment", "quote"}`, each of which must stand in a final segment; an omission's
        evidence will do. An `extraction` event follows, or an `error` event.
        """
        quotes = [{name: quote[name] for name in ("segment", "quote", "start") if name in quote} for quote in evidence]
        self._control({"type": "add_finding", "fields": dict(fields), "evidence": quotes})

    async def review_note(self) -> None:
        """Ask what was said and stands in no finding: an `omissions` event answers."""
        self._control({"type": "review_note"})

    async def leave_out(self, omission_id: str) -> None:
        """Set an omission aside: it is not offered again. An `omissions` event with those that are left answers."""
        self._control({"type": "leave_out", "omission_id": omission_id})

    async def withdraw_consent(self) -> SessionStopped:
        """End the consultation and have the server erase all of it; what was sent is not transcribed any more.

        Raises ConsultationError, with the code `no_such_session` where it was erased and the answer was lost.
        """
        if not self._transport.ended.done():
            self._transport.put_control({"type": "withdraw_consent"})
            self._stopping = True
        await asyncio.wait([self._transport.ended])
        return self._outcome()

    async def stop(self) -> SessionStopped:
        """End the consultation and wait for its last event, `session_stopped`.

        The server first transcribes all that was sent. The events before it stay readable. Raises ConsultationError.
        """
        if not self._stopping and not self._transport.ended.done():
            self._control({"type": "stop_session"})
            self._stopping = True
        await asyncio.wait([self._transport.ended])
        return self._outcome()

    async def record(self, format: RecordFormat = "json", template: str | None = None) -> bytes:
        """The record so far, or of the ended consultation for as long as the server keeps it.

        The server keeps it for an hour after the end, or as long as its operator chose. Raises ConsultationError.
        """
        url = str(self._transport.url)
        return await fetch_record(url, self.session_id, format, template=template, api_key=self._api_key)

    async def events(self) -> AsyncIterator[Event]:
        """Events as on the wire, each `seq` once and in order, up to `session_stopped`; raises ConsultationError."""
        while (event := await self._transport.events.get()) is not None:
            yield event
        self._transport.events.put_nowait(None)
        self._outcome()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self.events()

    def _control(self, message: Message) -> None:
        self._check_open()
        self._transport.put_control(message)

    def _check_open(self) -> None:
        if self._transport.ended.done():
            self._outcome()
        if self._stopping or self._transport.ended.done():
            raise ConsultationError("ended", "the consultation has ended")

    def _outcome(self) -> SessionStopped:
        """The last event. Raises what the consultation failed with, and notes that somebody was told."""
        self._told = True
        return self._transport.ended.result()
