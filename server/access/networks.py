"""Addresses of clients and of the proxies that speak for them. Pure."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network

MOST_NAME = 128
"""Characters of a user's name."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffd]")


def within(address: str | None, networks: Sequence[Network]) -> bool:
    """Whether an address, as a socket tells it, is in one of the networks."""
    if not networks or address is None:
        return False
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in network for network in networks)


def client_address(peer: str | None, headers: Mapping[str, str], proxies: Sequence[Network]) -> str | None:
    """The address of the client: of the last hop before the trusted proxies, as they tell it, else of the socket."""
    if not within(peer, proxies):
        return peer
    for told in reversed(headers.get("X-Forwarded-For", "").split(",")):
        hop = told.strip()
        try:
            ip_address(hop)
        except ValueError:
            return peer
        if not within(hop, proxies):
            return hop
    return peer


def forwarded_scheme(headers: Mapping[str, str]) -> str:
    """The scheme that the browser used, in lower case, as a proxy says; empty where none says so."""
    return headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()


@lru_cache(maxsize=4096)  # asked for each connection of a flood, several times
def counted(address: str) -> str:
    """Who is one for a count: an IPv4 address, or a network of 64 bits, which is what one IPv6 subscriber has."""
    text = address.partition("%")[0]
    try:
        parsed = ip_address(text)
    except ValueError:
        return text
    if parsed.version == 6:
        return str(parsed.ipv4_mapped or int(parsed) >> 64)
    return text


def user_name(header: str) -> str | None:
    """The name in the header of a trusted proxy; None for what cannot be a name."""
    # aiohttp decodes headers as UTF-8 and keeps bytes that are none as lone surrogates.
    name = header.encode(errors="surrogateescape").decode(errors="replace").strip()
    return name if 0 < len(name) <= MOST_NAME and not _UNPRINTABLE.search(name) else None
