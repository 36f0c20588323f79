"""Which names the server answers to, and which pages may use it: what DNS rebinding and foreign pages run into. Pure.

A page of an attacker whose name is made to point at this server has that name in its `Host`, which is on no list. An IP
address in `Host` is always let in: no name was resolved, so none was rebound, and the page of another address has
another `Origin`.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import ip_address

ANY = "*"
LOOPBACK_NAMES = ("localhost",)

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?", re.ASCII)
_ORIGIN = re.compile(r"(https?)://([^/?#@\s]+)/?", re.ASCII)
EXTENSION = "chrome-extension"
_EXTENSION = re.compile(rf"{EXTENSION}://([a-p]{{32}})/?", re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Host:
    """A name or an address in lower case, IPv6 without its brackets, and the port if one was written."""

    name: str
    port: int | None

    @property
    def is_address(self) -> bool:
        try:
            ip_address(self.name)
        except ValueError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Origin:
    """Of a page; the origin of a browser extension has the extension's id as its name, and 0 as its port."""

    scheme: str
    name: str
    port: int


def parse_host(text: str) -> Host | None:
    """NAME or NAME:PORT as in a `Host` header; None for anything else."""
    found = _HOST.fullmatch(text.lower())
    if found is None:
        return None
    return Host(found[1].strip("[]").rstrip("."), int(found[2]) if found[2] else None)


def parse_origin(text: str) -> Origin | None:
    """SCHEME://NAME[:PORT] or chrome-extension://ID as in an `Origin` header; None for anything else and for `null`."""
    if (extension := _EXTENSION.fullmatch(text.lower())) is not None:
        return Origin(EXTENSION, extension[1], 0)
    found = _ORIGIN.fullmatch(text.lower())
    host = parse_host(found[2]) if found else None
    if found is None or host is None:
        return None
    return Origin(found[1], host.name, host.port or _DEFAULT_PORTS[found[1]])


def host_allowed(header: str | None, allowed: Collection[str], bound: str) -> bool:
    """Whether the server answers to a `Host`; `allowed` are the operator's names, `bound` is what it listens on.

    A name that is allowed without a port is allowed with any.
    """
    if ANY in allowed:
        return True
    host = parse_host(header) if header is not None else None
    if host is None:
        return False
    if host.is_address:
        return True
    known = [parse_host(name) for name in (*LOOPBACK_NAMES, bound, *allowed)]
    return any(each is not None and each.name == host.name and each.port in (None, host.port) for each in known)


def origin_allowed(header: str | None, own: Origin | None, allowed: Iterable[str]) -> bool:
    """Whether a page may use the server; programs send no `Origin`. `own` is the origin of the server's own page."""
    if header is None:
        return True
    origin = parse_origin(header)
    if origin is None:  # `null` too, which every sandboxed frame has
        return False
    return origin == own or any(name == ANY or parse_origin(name) == origin for name in allowed)


def extension_allowed(header: str | None, allowed: Iterable[str]) -> bool:
    """Whether a browser extension sent this `Origin`, and the operator named that extension; `*` names none."""
    origin = parse_origin(header) if header is not None else None
    if origin is None or origin.scheme != EXTENSION:
        return False
    return any(parse_origin(name) == origin for name in allowed)


def is_loopback(bound: str) -> bool:
    """Whether a server that is bound to this address is reached from its own host alone."""
    if bound.lower().rstrip(".") in LOOPBACK_NAMES:
        return True
    try:
        return ip_address(bound.partition("%")[0]).is_loopback
    except ValueError:
        return False


def own_origin(host: str | None, scheme: str) -> Origin | None:
    """The origin of the page that was asked for under `host`."""
    return parse_origin(f"{scheme}://{host}") if host is not None else None


def socket_origin(url: str) -> str:
    """`ws://NAME[:PORT]` or `wss://NAME[:PORT]` of a WebSocket's address; empty for anything else."""
    scheme, separator, rest = url.partition("://")
    name = rest.partition("/")[0]
    if scheme not in ("ws", "wss") or not separator or parse_host(name) is None:
        return ""
    return f"{scheme}://{name}"
