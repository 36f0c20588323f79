"""Who asks, as the audit trail names it."""

from typing import TypedDict

from aiohttp import web

ANONYMOUS = "anonymous"
"""Who has no name because the server asks for none."""


class Who(TypedDict):
    actor: str
    address: str | None


def who(request: web.Request) -> Who:
    """The principal of a request, as the access room found it, and the address that it came from."""
    principal = request.get("principal")
    return {"actor": getattr(principal, "name", None) or ANONYMOUS, "address": request.remote}
