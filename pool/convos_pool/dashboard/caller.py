"""The address that a login comes from: wrong keys are counted for each address. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

EDGE = ipaddress.ip_network("100.64.0.0/10")
"""The addresses from which Railway's edge connects (fact: edge-real-ip)."""
IPV6_PREFIX = 64
"""The addresses of one such network usually belong to one customer of a provider, so they count as one."""


def address_of(peer: str, real_ip: Sequence[str]) -> str:
    """Return the address of a caller.

    Railway's edge sets `X-Real-IP`, and a caller cannot change it there (fact: edge-real-ip). Over Railway's private
    network, agents could send any value, so for other connections the peer's address counts. `X-Forwarded-For` is not
    read.

    Args:
        peer: the address of the connection's other end.
        real_ip: every `X-Real-IP` header of the request.
    """
    near = _parsed(peer)
    if near is not None and (near in EDGE or near.is_loopback) and len(real_ip) == 1:
        near = _parsed(real_ip[0].strip()) or near
    if near is None:
        return peer[:64]
    return str(ipaddress.ip_network((near, IPV6_PREFIX), strict=False)) if near.version == 6 else str(near)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A socket for both versions shows an IPv4 caller as ::ffff:a.b.c.d.
    return (found.ipv4_mapped or found) if found.version == 6 else found
