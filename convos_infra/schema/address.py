"""Parses a database's URL. It is checked before libpq sees it, because libpq quotes what it cannot read. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from convos_infra.errors import InfraError
from railway_api.redact import redact

TLS_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
"""libpq's sslmode. `allow` is left out, as it tries without TLS first."""
PRIVATE_SUFFIX = ".railway.internal"
_PARAMETERS = frozenset({"sslmode", "sslrootcert", "sslcert", "sslkey", "channel_binding", "hostaddr", "require_auth"})
VERIFIED = "verify-full"
NEVER_IN_CLEAR = "!password"
"""libpq's require_auth: the password must not be sent to a server whose identity was not verified."""
_FORM = "expected postgresql://host:port/database, with user:password@ before the host"


@dataclass(frozen=True)
class Address:
    """The address of a database, with the role that connects.

    Attributes:
        host: a name or an address.
        port: 5432 if the URL has none.
        database: its name.
        user: the role.
        password: may be empty.
        tls: libpq's sslmode.
        extra: further parameters of libpq from the URL.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    tls: str
    extra: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Return the part that may be shown: host, port and database."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.database}"

    def parameters(self) -> dict[str, Any]:
        """Return libpq's parameters, all of them, so that none comes from PG… variables of this machine."""
        given = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "sslmode": self.tls,
            "options": "",
            **({} if self.tls == VERIFIED else {"require_auth": NEVER_IN_CLEAR}),
            **dict(self.extra),
        }
        return {**given, "password": self.password} if self.password else given

    def redacted(self, text: str) -> str:
        """Return `text` on one line and without the password."""
        return redact(" ".join(text.split()), [self.password])


def parse_url(url: str, *, subject: str = "databaseUrl", tls: str = "") -> Address:
    """Parse a database's URL.

    Args:
        url: `postgresql://user:password@host:port/database`; surrounding whitespace is ignored.
        subject: the subject of errors.
        tls: the sslmode for a URL without one. Without either it is `prefer` on this machine and in Railway's private
            network (which is encrypted), and `require` elsewhere: a password must not cross the internet unencrypted.

    Raises:
        InfraError: it is not such a URL; the error never quotes it.
    """
    url = url.strip()
    if "${{" in url:
        raise InfraError(subject, "contains a reference that only Railway can resolve", "use the URL of the TCP proxy")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InfraError(subject, "is not a database URL", f"{_FORM}; percent-encode special characters") from None
    if parts.scheme not in ("postgres", "postgresql"):
        raise InfraError(subject, "is not a PostgreSQL URL", _FORM)
    host, database = parts.hostname or "", unquote(parts.path.removeprefix("/"))
    missing = [n for n, v in (("user", parts.username), ("host", host), ("database", database)) if not v]
    if missing or port == 0:
        raise InfraError(subject, f"has no {' and no '.join(missing) or 'valid port'}", _FORM)
    given = dict(parse_qsl(parts.query))
    mode = given.pop("sslmode", tls) or ("prefer" if _is_private(host) else "require")
    if mode not in TLS_MODES:
        raise InfraError(subject, f"sslmode cannot be {mode[:20]!r}", f"use one of {', '.join(TLS_MODES)}")
    unknown = sorted(given.keys() - _PARAMETERS)
    if unknown:
        raise InfraError(subject, f"has the unknown parameter {unknown[0][:40]!r}", "remove it from the URL")
    extra = tuple(sorted(given.items()))
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(host, port or 5432, database, user, password, mode, extra)


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith(PRIVATE_SUFFIX):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
