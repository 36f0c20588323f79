"""The Python client of a drTranscribe server. It needs aiohttp alone.

    from drtranscribe import Consultation

    async with Consultation.connect("ws://127.0.0.1:8765/ws", mode="dual", channels=2) as consultation:
        sending = asyncio.create_task(send_all(consultation))  # consultation.send(pcm) ..., then consultation.stop()
        async for event in consultation:
            if event["type"] == "transcript" and event["segment"]["final"]:
                print(event["segment"]["text"])
        await sending
        record = await consultation.record("markdown")

docs/python-client.md explains it, and docs/protocol.md describes what goes over the wire.
"""

from drtranscribe.consultation import Consultation, full_jitter
from drtranscribe.events import (
    Audio,
    Code,
    Consent,
    ErrorEvent,
    Event,
    Evidence,
    ExtractionEvent,
    Finding,
    Judgement,
    Kind,
    Limits,
    Marker,
    Models,
    Notice,
    Omission,
    Omissions,
    Operation,
    Progress,
    Segment,
    SessionContinued,
    SessionPaused,
    SessionStarted,
    SessionStopped,
    Speaker,
    Timings,
    TranscriptEvent,
    Word,
)
from drtranscribe.record import RecordFormat, erase_session, fetch_record, fetch_ticket
from drtranscribe.socket import PROTOCOL, ConsultationError

__all__ = [
    "PROTOCOL",
    "Audio",
    "Code",
    "Consent",
    "Consultation",
    "ConsultationError",
    "ErrorEvent",
    "Event",
    "Evidence",
    "ExtractionEvent",
    "Finding",
    "Judgement",
    "Kind",
    "Limits",
    "Marker",
    "Models",
    "Notice",
    "Omission",
    "Omissions",
    "Operation",
    "Progress",
    "RecordFormat",
    "Segment",
    "SessionContinued",
    "SessionPaused",
    "SessionStarted",
    "SessionStopped",
    "Speaker",
    "Timings",
    "TranscriptEvent",
    "Word",
    "erase_session",
    "fetch_record",
    "fetch_ticket",
    "full_jitter",
]
