"""Whose wrong keys are counted together: the address that a login comes from. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

EDGE = ipaddress.ip_network("100.64.0.0/10")
"""Where connections of Railway's edge come from (fact: edge-real-ip)."""
IPV6_PREFIX = 64
"""One customer of a provider has all addresses of such a network."""


def address_of(peer: str, real_ip: Sequence[str]) -> str:
    """Return who asks.

    Railway's edge says it in `X-Real-IP`, which a caller cannot set there (fact: edge-real-ip). Over Railway's private
    network anybody can, agents too: there the connection's other end counts. `X-Forwarded-For` is not read at all.

    Args:
        peer: the connection's other end.
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
    # An IPv4 caller on a socket for both.
    return (found.ipv4_mapped or found) if found.version == 6 else found
