"""Checks of single values of a stack's config, beyond their type; each returns the value, or raises its problem."""

from __future__ import annotations

import re
from collections.abc import Callable

from convos_infra.errors import InfraError
from convos_infra.schema.address import parse_url
from convos_infra.schema.limits import LONGEST_DAYS, is_duration
from pool_contract.url import parsed
from railway_api.endpoint import checked_endpoint
from railway_api.failure import Failure
from stack.section import refused

_NAME = re.compile(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*")
"""RFC 3986's unreserved characters. User, password and name become part of the database's URL; Railway composes it from
variables without encoding them."""
_LONGEST_SHOWN = 80
_MIGRATION = re.compile(r"(?:[0-9]{4})?")


def name(longest: int) -> Callable[[str], str]:
    """Return the check of a name on Railway; `longest` is how many characters it may have."""

    def check(name: str) -> str:
        if not _NAME.fullmatch(name):
            what = "must consist of lower-case letters and digits, with '-' only between them"
            raise refused(f"{what}, not {name[:_LONGEST_SHOWN]!r}")
        if len(name) > longest:
            at_most = f"at most {longest} fit into Railway's names and domains"
            raise refused(f"{name[:_LONGEST_SHOWN]!r} has {len(name)} characters; {at_most}")
        return name

    return check


def token(token: str) -> str:
    """Refuse a text that cannot be a Railway token."""
    if any(mark.isspace() for mark in token) or not token.isascii():
        raise refused("contains spaces or characters that no token has", "set it again")
    return token


def endpoint(endpoint: str) -> str:
    """Refuse a URL to which no token may be sent."""
    try:
        return checked_endpoint(endpoint)
    except Failure as error:
        raise refused(error.problem, error.next_step) from None


def database_url(url: str) -> str:
    """Refuse a text that is not the URL of a PostgreSQL database."""
    if url:
        parts = parsed(url)
        if parts is None or parts.scheme not in ("postgres", "postgresql") or not parts.hostname:
            step = "it is like postgresql://host:port/database, with user:password@ before the host"
            raise refused("is not a PostgreSQL URL", step)
        try:
            parse_url(url)
        except InfraError as error:
            raise refused(error.problem, error.next_step) from None
    return url


def password(password: str) -> str:
    """Refuse a password that would need percent-encoding in a URL."""
    if not _UNRESERVED.fullmatch(password):
        step = "change it in the database (ALTER USER … PASSWORD '…') and set it again"
        raise refused("contains characters that need percent-encoding in a URL", step)
    return password


def identifier(name: str) -> str:
    """Refuse the name of a user or a database that would need percent-encoding in a URL."""
    if not name or not _UNRESERVED.fullmatch(name):
        raise refused(f"must consist of letters, digits and '._~-', not {name[:_LONGEST_SHOWN]!r}")
    return name


def migration(number: str) -> str:
    """Refuse a text that is not the number of a migration; an empty text means none."""
    if not _MIGRATION.fullmatch(number):
        raise refused(f"must be a migration's number such as 0001, not {number[:_LONGEST_SHOWN]!r}")
    return number


def duration(text: str) -> str:
    """Refuse a text that PostgreSQL does not accept as a timeout."""
    if not is_duration(text):
        raise refused(
            f"must be a time such as 500ms, 5s or 2min, at most {LONGEST_DAYS} days, not {text[:_LONGEST_SHOWN]!r}"
        )
    return text
