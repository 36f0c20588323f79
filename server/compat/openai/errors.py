"""Refusals in the shape of OpenAI's errors. Pure."""

from typing import Any

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class Refusal(Exception):
    """A request comes to nothing. `str()` says what to do; `param` is the field of the form that is at fault."""

    def __init__(
        self, status: int, code: str, message: str, param: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s


def error_body(status: int, code: str, message: str, param: str | None = None) -> dict[str, Any]:
    """What OpenAI's client makes an exception of."""
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
