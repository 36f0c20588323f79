"""Which answers a browser extension may read (CORS). Pages of other systems may read none. Pure.

A browser hides the answers of a server from an extension that has no permission for its host, unless the server says
that the extension may read them. No answer allows credentials, so a cookie of the page's sign-in is never sent along.
"""

from collections.abc import Mapping

METHODS = "GET, POST, DELETE"
HEADERS = "authorization, content-type"
MAX_AGE_S = 600
"""How long a browser may go without asking again."""


def asks_first(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request is a preflight: a browser's question, before a request, whether it may send that request."""
    return method == "OPTIONS" and "Access-Control-Request-Method" in headers


def shared_with(origin: str) -> dict[str, str]:
    """Headers of an answer that an extension may read; `origin` is one of the operator's list."""
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After"}


def permission(origin: str) -> dict[str, str]:
    """Headers of the answer to a preflight."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": HEADERS,
        "Access-Control-Max-Age": str(MAX_AGE_S),
    }
