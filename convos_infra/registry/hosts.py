"""Decides the scheme for a host, and which redirects may be followed. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

# Docker Hub alone has an API host that differs from its name (see distribution/reference and docker/cli).
_API_HOSTS = {"docker.io": "registry-1.docker.io"}
# Registries whose login is on another host. All other credentials stay on the host that they were given for.
_LOGIN_HOSTS = {"docker.io": frozenset({"auth.docker.io"})}


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port, to which credentials are bound."""

    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin | None:
    """Return the origin of an absolute http(s) URL, None for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    return Origin(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80))


def is_loopback(host: str) -> bool:
    """Tell whether a host (without port; brackets of IPv6 allowed) is this machine: 127.0.0.0/8, ::1, localhost."""
    if host.lower() == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def is_internal(host: str) -> bool:
    """Tell whether a host is a literal address that is not on the public internet, or this machine."""
    address = _address(host)
    return is_loopback(host) or (address is not None and not address.is_global)


def api_url(registry: str) -> str:
    """Return the base URL of a registry (`host[:port]`); plain http is used on this machine only."""
    host = _API_HOSTS.get(registry, registry)
    origin = origin_of(f"https://{host}")
    plain = origin is not None and is_loopback(origin.host)
    return f"{'http' if plain else 'https'}://{host}"


def login_hosts(registry: str) -> frozenset[str]:
    """Return the hosts, other than its own, that may receive the credentials of a registry."""
    return _LOGIN_HOSTS.get(registry, frozenset())


def why_not_follow(source: str, target: str) -> str:
    """Return why a redirect from one URL to another must not be followed, or the empty string if it may.

    If a registry on the internet redirects to this machine or to a private address, it may try to reach hosts that it
    cannot reach itself (server-side request forgery; cloud metadata services have such addresses).
    """
    here, there = origin_of(source), origin_of(target)
    if here is None or there is None:
        return "that is not an http(s) URL"
    if is_loopback(here.host):
        return "" if there.scheme == "https" or is_loopback(there.host) else "it is not https"
    if is_internal(there.host) and there.host != here.host:
        return "that address is not on the internet"
    return "" if there.scheme == "https" else "it is not https"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
