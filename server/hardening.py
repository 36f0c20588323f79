"""What every request passes before its handler, and what every answer carries."""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from server.access.doorkeeper import Doorkeeper
from server.access.networks import forwarded_scheme
from server.guards import sharing
from server.guards.hosts import extension_allowed, host_allowed, origin_allowed, own_origin, socket_origin
from server.settings import Settings
from server.socket.door import visitor_of

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
HOST_REFUSED = "the server does not go by this name: add it with --allowed-hosts"
ORIGIN_REFUSED = (
    "this page's origin is not the server's own: add it with --allowed-origins; behind a proxy with TLS, let the proxy "
    "set Host and X-Forwarded-Proto"
)
STRICT_TRANSPORT_SECURITY = "max-age=31536000"
"""A browser that has seen the page over our TLS does not ask for it in plain text for a year."""

PROBES = ("/health/live", "/health/ready")
"""Answered under any host name: they show nothing about patients, and orchestrators use names of their own."""
PARTLY = ("Range", "If-Range", "If-None-Match", "If-Modified-Since")
"""Headers of requests whose answer may be a part of a file, or nothing: compressing would add a body."""


class Hardening:
    """For one application: `guard` is its middleware, `harden` is told of each answer before its headers are sent, and
    `expectation` handles the header Expect of every route.

    `elsewhere` are the addresses of other servers that the page may connect to.
    """

    def __init__(self, settings: Settings, keeper: Doorkeeper, elsewhere: Sequence[str]) -> None:
        self._settings = settings
        self._keeper = keeper
        reachable = " ".join(["connect-src 'self'", *map(socket_origin, elsewhere)])
        self._policy = CONTENT_SECURITY_POLICY.replace("connect-src 'self'", reachable)

    @web.middleware
    async def guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Refuses requests with a foreign host name or from a foreign page before any handler runs."""
        visitor = visitor_of(request.transport)
        if visitor is not None:
            visitor.taken()
        if request.path in PROBES:
            return await handler(request)
        settings, host = self._settings, request.headers.get("Host")
        if not host_allowed(host, settings.allowed_hosts, settings.host):
            raise self._refusal(request, web.HTTPMisdirectedRequest, "host_not_allowed", HOST_REFUSED)
        if self._from_extension(request) and sharing.asks_first(request.method, request.headers):
            return web.Response(status=204, headers=sharing.permission(request.headers["Origin"]))
        # Only the proxy knows whether the browser used TLS. A page cannot set this header, so it can be trusted.
        told = forwarded_scheme(request.headers)
        own = own_origin(host, told if told in ("http", "https") else request.scheme)
        if not origin_allowed(request.headers.get("Origin"), own, settings.allowed_origins):
            raise self._refusal(request, web.HTTPForbidden, "origin_not_allowed", ORIGIN_REFUSED)
        response = await handler(request)
        partly = any(header in request.headers for header in PARTLY)
        if isinstance(response, web.FileResponse) and request.method == "GET" and not partly:
            response.enable_compression()  # a third of the bytes; the page holds no secrets
            response.headers["Vary"] = "Accept-Encoding"
        return response

    async def harden(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Content-Security-Policy"] = self._policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        if self._keeper.access.tls:
            response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY
        if self._from_extension(request):
            response.headers.update(sharing.shared_with(request.headers["Origin"]))
            response.headers.add("Vary", "Origin")
        response.headers.setdefault("Cache-Control", "no-cache")  # or an upgrade would mix files of two versions

    async def expectation(self, request: web.Request) -> None:
        """Replaces aiohttp's own handler, which repeats an unknown value in its answer and fails if it is not ASCII."""
        if request.headers.get("Expect", "").lower() != "100-continue":
            raise self._refusal(
                request,
                web.HTTPExpectationFailed,
                "unknown_expectation",
                "send Expect: 100-continue, or leave the header out",
            )
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # so that aiohttp does not take this line for the beginning of the answer

    def _refusal(self, request: web.Request, kind: type[web.HTTPException], code: str, text: str) -> web.HTTPException:
        self._keeper.refused(request, code)
        return kind(text=f"{code}: {text}\n")

    def _from_extension(self, request: web.Request) -> bool:
        return extension_allowed(request.headers.get("Origin"), self._settings.allowed_origins)
