"""Why no session can be begun now, and when to try again."""

import random

from inference.pipeline import Pipeline
from server.audit.trail import Audit

WARM_UP_RETRY_S = 5.0
SHUTDOWN_RETRY_S = 10.0
FAILED_RETRY_S = 60.0
AUDIT_RETRY_S = 30.0
SHORTEST_RETRY_S, LONGEST_RETRY_S = 5.0, 60.0

CONSULTATION_S = 900.0
"""A usual consultation: of N places one is free again after about an N-th of it."""

AUDIT_UNAVAILABLE = (
    "the server cannot write its audit trail and begins no session meanwhile: connect to another one, or later; its "
    "operator reads the reason in the log and on the metrics port"
)


class Full(Exception):
    """No session can be opened now; try again after `retry_after_s`."""

    def __init__(self, code: str, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.code = code
        # Who was turned away together should not come back together.
        self.retry_after_s = round(retry_after_s * random.uniform(0.8, 1.2), 1)


def unready(pipeline: Pipeline, audit: Audit, closing: bool) -> Full | None:
    """Why the server can transcribe nothing, or nothing new; None while it can."""
    if closing:
        message = "the server is going down: connect to another one, or later"
        return Full("shutting_down", message, SHUTDOWN_RETRY_S)
    if pipeline.failed is not None:
        message = "the server's engine is gone: connect to another one; GET /health/ready tells its operator why"
        return Full("not_ready", message, FAILED_RETRY_S)
    if not pipeline.ready:
        state = "is restarting its engine" if pipeline.restarting else "is warming up"
        return Full("not_ready", f"the server {state}: try again in a few seconds", WARM_UP_RETRY_S)
    if audit.problem is not None:
        return Full("audit_unavailable", AUDIT_UNAVAILABLE, AUDIT_RETRY_S)
    return None


def full(capacity: int) -> Full:
    """Every place is taken."""
    again_s = min(LONGEST_RETRY_S, max(SHORTEST_RETRY_S, CONSULTATION_S / capacity))
    return Full("full", f"all {capacity} sessions of this server are taken: try again later", again_s)
