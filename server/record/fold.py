"""What the events of one session amount to so far: the only place in Python where events are folded. Pure.

The terminal shows it while the session goes on, and the record is drawn from it. The page folds in JavaScript.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Event = Mapping[str, Any]


@dataclass(slots=True)
class EventFold:
    """Segments and findings are in the wire's own shape; finals are in the order in which they were committed.

    `audio_s` is the audio that is transcribed, and of a session that has ended the audio that was received.
    """

    seq: int = 0
    models: Mapping[str, str] = field(default_factory=dict)
    finals: list[dict[str, Any]] = field(default_factory=list)
    partials: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)
    retracted: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)  # as it stood; its retraction
    notices: dict[tuple[str, str], str] = field(default_factory=dict)  # (code, speaker) -> message
    audio_s: float = 0.0
    lag_ms: float = 0.0
    stopped: Event | None = None
    consent: Mapping[str, Any] | None = None
    appointment_id: str | None = None
    clinician_id: str | None = None
    omissions: list[dict[str, Any]] = field(default_factory=list)  # said and not noted, by the newest comparison
    judgements: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # finding id: the last one, done by hand
    originals: dict[str, dict[str, Any]] = field(default_factory=dict)  # finding id: as it stood before the first edit

    def apply(self, event: Event) -> None:
        """Events come in order; fields that only newer servers send may be absent."""
        self.seq = event.get("seq", self.seq)
        match event["type"]:
            case "session_started":
                self.models = {name: str(model) for name, model in event.get("models", {}).items()}
                self.consent = event.get("consent")
                self.appointment_id = event.get("appointment_id")
                self.clinician_id = event.get("clinician_id")
            case "transcript":
                self._heard(event["segment"])
            case "extraction":
                for op in event["ops"]:
                    finding = op["finding"]
                    if "judgement" in op:
                        self._judged(finding["id"], op["judgement"])
                    if op["op"] != "retract":
                        self.findings[finding["id"]] = finding
                    elif (before := self.findings.pop(finding["id"], None)) is not None:
                        self.retracted.append((before, finding))
            case "omissions":
                self.omissions = event["items"]
            case "notice":
                self.notices[event["code"], event.get("speaker", "")] = event["message"]
            case "progress":
                self.lag_ms, self.audio_s = event["lag_ms"], event["transcribed_s"]
            case "session_stopped":
                self.stopped, self.audio_s = event, event["audio_s"]
                self.partials.clear()
                self.notices.clear()

    def _judged(self, finding_id: str, judgement: Mapping[str, Any]) -> None:
        self.judgements[finding_id] = judgement
        if judgement["what"] == "edited" and finding_id in self.findings:
            self.originals.setdefault(finding_id, self.findings[finding_id])

    def _heard(self, segment: dict[str, Any]) -> None:
        """Words take back that nobody is heard; a final, that the sound looks wrong."""
        if segment["text"]:
            for speaker in ("", segment["speaker"]):
                self.notices.pop(("no_speech", speaker), None)
        if not segment["final"]:
            self.partials[segment["id"]] = segment
            return
        self.partials.pop(segment["id"], None)
        if segment["text"]:  # an empty final takes a partial back
            self.notices.pop(("audio_suspect", ""), None)
            self.finals.append(segment)
