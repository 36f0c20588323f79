"""Lets requests in or refuses them, counts and notes what was refused, and serves sign-in, sign-out and tickets."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable

from aiohttp import web

from server.access.access import PRINCIPAL, Access, Denied, demand
from server.access.principal import ANYBODY, Principal, Scope
from server.access.signing import TICKET_S
from server.audit.actors import ANONYMOUS
from server.audit.trail import Audit
from server.monitoring.metrics import Metrics
from server.protocol import error_fields

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_SIGN_IN_BYTES = 4096
BODY_S = 10.0
"""For the body of a sign-in to arrive."""

TOO_MANY = "too many requests without a valid key come from this address: wait, then try again"
TOO_OFTEN = "this key is used for more new connections and requests a minute than it may: try again later"
WRONG_KEY = "this key is not in force: check that it was copied whole, or ask the server's operator for one"
NO_BODY = 'send the key as JSON: {"key": "drt_..."}'


class Doorkeeper:
    """The handlers of one server that have to do with who somebody is."""

    def __init__(self, access: Access, metrics: Metrics, audit: Audit) -> None:
        self.access = access
        self._metrics = metrics
        self._audit = audit

    def asks(self, scope: Scope | None, handler: Handler, *others: Scope) -> Handler:
        """The handler for those alone who have the scope, or one of the others; `request[PRINCIPAL]` is who sent it.

        The handler may raise Denied, too.
        """

        async def asking(request: web.Request) -> web.StreamResponse:
            try:
                request[PRINCIPAL] = self.admit(request, scope, *others)
            except Denied as denied:
                return self.refusal(request, denied)
            try:
                return await handler(request)
            except Denied as denied:
                self.refused(request, denied.code, request[PRINCIPAL])
                return self.refusal(request, denied)

        return asking

    def admit(self, request: web.Request, scope: Scope | None, *others: Scope) -> Principal:
        """Who sent the request, if that one may do this now. Raises Denied, which was counted and noted."""
        principal = None
        try:
            principal = self.access.identify(request)
            if scope is not None:
                demand(principal, scope, *others)
            if wait_s := self.access.quotas.connect(principal):
                raise Denied(429, "key_connections", TOO_OFTEN, math.ceil(wait_s))
        except Denied as denied:
            denied.explained = self.refused(request, denied.code, principal)
            raise
        return principal

    def note(
        self,
        request: web.Request,
        action: str,
        principal: Principal,
        session: str | None = None,
        outcome: str = "ok",
    ) -> None:
        """Notes in the audit trail what was done, or with what code it was refused."""
        address = self.access.address_of(request)
        self._audit.note(action, actor=principal.name, session=session, address=address, outcome=outcome)

    def refused(self, request: web.Request, code: str, principal: Principal | None = None) -> bool:
        """Counts and notes a refusal; without a principal, of somebody who has not shown who they are.

        Returns False where so many of those come that an answer must be short, and is noted without its address.
        """
        self._metrics.refused.labels(code).inc()
        if principal is None and not self._may_explain(request):
            self._audit.note("refused", actor=ANONYMOUS, session=None, address=None, outcome=code)
            return False
        self.note(request, "refused", principal or ANYBODY, outcome=code)
        return True

    def refusal(self, request: web.Request, denied: Denied) -> web.Response:
        """The answer to a request that was refused. Its connection is closed: the next one passes the gate."""
        headers = {"Cache-Control": "no-store"}
        if denied.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if denied.retry_after_s is not None:
            headers["Retry-After"] = str(math.ceil(denied.retry_after_s))
        fields = error_fields(denied.code, str(denied), False, denied.retry_after_s)
        response = web.json_response(fields, status=denied.status, headers=headers)
        if denied.status in (401, 403):
            response.force_close()
        return response

    async def sign_in(self, request: web.Request) -> web.Response:
        """`POST /v1/sign-in {"key": KEY}`: 204 with the cookie, which a script cannot read."""
        wait_s = self.access.strangers.wait_s(self.access.address_of(request) or "")
        if wait_s:
            return self._deny(request, Denied(429, "too_many_unauthorised", TOO_MANY, wait_s))
        try:
            principal = await self._signed_in(request)
        except Denied as denied:
            return self._deny(request, denied)
        self.note(request, "sign_in", principal)
        response = web.Response(status=204, headers={"Cache-Control": "no-store"})
        lasts_s = self.access.sign_in_s
        self._set_cookie(request, response, self.access.signer.sign("cookie", principal, lasts_s), int(lasts_s))
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """`POST /v1/sign-out`: 204, and the browser forgets the cookie."""
        response = web.Response(status=204, headers={"Cache-Control": "no-store"})
        self._set_cookie(request, response, "", 0)
        return response

    async def who(self, request: web.Request) -> web.Response:
        """`GET /v1/me`: whom the server takes the sender for, so that the page can ask for a key."""
        try:
            principal: Principal | None = self.access.identify(request)
        except Denied:
            principal = None
            self._may_explain(request)
        fields = {
            "name": principal.person if principal is not None else None,
            "owner": principal.owner if principal is not None else None,
            "scopes": sorted(principal.scopes) if principal is not None else [],
            "sign_in": "none" if self.access.open else "key" if self.access.keyring is not None else "proxy",
        }
        return web.json_response(fields, headers={"Cache-Control": "no-store"})

    async def ticket(self, request: web.Request) -> web.Response:
        """`POST /v1/tickets`: a ticket for one WebSocket of a client that cannot set headers."""
        principal = request[PRINCIPAL]
        self.note(request, "ticket", principal)
        fields = {"ticket": self.access.signer.sign("ticket", principal, TICKET_S), "expires_in_s": TICKET_S}
        return web.json_response(fields, headers={"Cache-Control": "no-store"})

    async def _signed_in(self, request: web.Request) -> Principal:
        """Whose key the body holds. Raises Denied."""
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_S):
                async for part in request.content.iter_any():
                    body += part
                    if len(body) > MAX_SIGN_IN_BYTES:
                        raise Denied(413, "text_too_large", NO_BODY)
        except TimeoutError:
            raise Denied(408, "first_message_late", NO_BODY) from None
        try:
            said = json.loads(body)
        except ValueError:
            said = None
        key = said.get("key") if isinstance(said, dict) else None
        if not isinstance(key, str):
            raise Denied(400, "invalid_message", NO_BODY)
        principal = self.access.keyring.find(key.strip()) if self.access.keyring is not None else None
        if principal is None:
            raise Denied(401, "not_authorised", WRONG_KEY)
        return principal

    def _set_cookie(self, request: web.Request, response: web.Response, value: str, lasts_s: int) -> None:
        secure = self.access.secure(request.headers)
        response.set_cookie(
            self.access.cookie_name(request.headers),
            value,
            max_age=lasts_s,
            path="/",
            httponly=True,
            secure=secure,
            samesite="Strict",
        )

    def _deny(self, request: web.Request, denied: Denied) -> web.Response:
        self.refused(request, denied.code)
        return self.refusal(request, denied)

    def _may_explain(self, request: web.Request) -> bool:
        """Counts who shows no valid key. False where so many come that an answer must be short."""
        return not self.access.strangers.refused(self.access.address_of(request) or "")
