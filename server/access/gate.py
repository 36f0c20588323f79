"""What stands before aiohttp while many come without a key: it reads the head of a request and builds nothing.

A request costs aiohttp half a millisecond, for a task, a parser, a request and a response. A flood of strangers is
answered here for a fraction of that, and whoever shows a valid key is let through.
"""

from multidict import CIMultiDict

from server.access.access import Access, Denied
from server.access.networks import client_address
from server.audit.actors import ANONYMOUS
from server.audit.trail import Audit
from server.monitoring.metrics import Metrics

SIGN_IN = "/v1/sign-in"
PUBLIC = ("/static/", "/health/")
"""Beginnings of the paths that are answered to everybody, besides the page at `/`."""

CODE = "too_many_unauthorised"
WAIT_S = 5
_TOLD = f"{CODE}: too many requests without a valid key come from here: wait, then show one\n".encode()
_ANSWER = (
    b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nWWW-Authenticate: Bearer\r\nRetry-After: %d\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (WAIT_S, len(_TOLD), _TOLD)
)


class Gate:
    """Closed for an address while `crowded`; then `answer` decides about each of its new connections."""

    def __init__(self, access: Access, metrics: Metrics, audit: Audit | None = None) -> None:
        self._access = access
        self._audit = audit or Audit()
        self._refused = metrics.refused.labels(CODE)

    def crowded(self, peer: str) -> bool:
        return not self._access.open and self._access.strangers.crowded(peer)

    def answer(self, peer: str, data: bytes) -> bytes | None:
        """What to answer to the first bytes of a connection; None to let it in."""
        head, ended, _ = data.partition(b"\r\n\r\n")
        if ended and self._lets_in(peer, head.decode("utf-8", "surrogateescape")):
            return None
        self._refused.inc()
        # Without the address: the trail makes one line a minute of all of them. Their addresses stand in the lines of
        # those that were explained.
        self._audit.note("refused", actor=ANONYMOUS, session=None, address=None, outcome=CODE)
        return _ANSWER

    def _lets_in(self, peer: str, head: str) -> bool:
        line, _, rest = head.partition("\r\n")
        target = [*line.split(" "), ""][1].partition("?")[0]
        if target == "/" or target.startswith(PUBLIC):
            return True
        headers: CIMultiDict[str] = CIMultiDict()
        for each in rest.split("\r\n"):
            name, _, value = each.partition(":")
            headers.add(name, value.strip())
        if target == SIGN_IN:
            address = client_address(peer, headers, self._access.proxies) or ""
            return not self._access.strangers.wait_s(address)
        try:
            self._access.holder(headers, peer, spend=False)
        except Denied:
            return False
        return True
