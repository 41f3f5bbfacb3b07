"""Authentication at a registry: anonymous, with a bearer token, or with a name and a password.

Source: distribution's "Token Authentication Specification". A token is requested for one repository and the needed
actions, whatever scope the challenge contains, so that the registry never gets more than that.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from convos_infra.registry import challenge, hosts
from convos_infra.registry.errors import BadAnswerError, UnauthorizedError

if TYPE_CHECKING:
    from convos_infra.registry.transport import RegistryTransport

# Without this table, the first request to GHCR would only return the challenge: one request of three.
# The challenge is public: `Bearer realm="https://ghcr.io/token",service="ghcr.io"` (sigstore/cosign#3434).
_KNOWN = {"ghcr.io": challenge.Challenge("bearer", {"realm": "https://ghcr.io/token", "service": "ghcr.io"})}
_TOKEN = re.compile(r"[\x21-\x7e]+")
_REFUSED = frozenset({400, 401, 403, 404})
_OK = 200


@dataclass(frozen=True)
class RegistryCredentials:
    """A name and a password (for GHCR a user and a token with `read:packages`)."""

    username: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header."""
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return f"Basic {pair}"


@dataclass(frozen=True)
class Scope:
    """The scope of a token."""

    repository: str
    actions: str = "pull"

    def __str__(self) -> str:
        return f"repository:{self.repository}:{self.actions}"


class Login:
    """The `Authorization` headers of one registry; each is kept until the registry refuses it.

    Args:
        realm_hosts: hosts other than the registry that may receive the credentials.
        known: the challenge to answer before the registry sends it; None uses the table above.
    """

    def __init__(
        self,
        registry: str,
        transport: RegistryTransport,
        subject: str,
        credentials: RegistryCredentials | None = None,
        *,
        realm_hosts: frozenset[str] = frozenset(),
        known: challenge.Challenge | None = None,
    ) -> None:
        self._registry = registry
        self._base = hosts.api_url(registry)
        self._transport = transport
        self._subject = subject
        self._credentials = credentials
        self._realm_hosts = realm_hosts | hosts.login_hosts(registry)
        self._known = known or _KNOWN.get(registry)
        self._headers: dict[Scope, str] = {}

    @property
    def secrets(self) -> tuple[str, ...]:
        """All values that must not appear in a text."""
        mine = (self._credentials.password, self._credentials.basic) if self._credentials else ()
        return (*mine, *(header.partition(" ")[2] for header in self._headers.values()))

    def header(self, scope: Scope) -> str:
        """Return the `Authorization` header of the first request; empty if the registry has not asked for one."""
        if scope not in self._headers and self._known is not None:
            self._headers[scope] = self._answer(self._known, scope)
        return self._headers.get(scope, "")

    def renewed(self, www_authenticate: str, scope: Scope) -> str:
        """Return the header that answers a 401, or the empty string if we have no credentials for it.

        Raises:
            UnauthorizedError, BadAnswerError: the token server refused, or is not a token server.
        """
        asked = challenge.choose(challenge.parse_challenges(www_authenticate))
        if asked is None:
            return ""
        if asked.scheme == "bearer":
            self._known = asked  # the next scope is requested without another 401
        header = self._answer(asked, scope)
        if header:
            self._headers[scope] = header
        return header

    def _answer(self, asked: challenge.Challenge, scope: Scope) -> str:
        if asked.scheme == "basic":
            return self._credentials.basic if self._credentials else ""
        return f"Bearer {self._exchange(asked, scope)}"

    def _exchange(self, asked: challenge.Challenge, scope: Scope) -> str:
        if reason := hosts.why_not_follow(self._base, asked.realm):
            problem = (
                f"{self._registry} asks for a login at {_host(asked.realm) or 'no host'}, which is refused: {reason}"
            )
            raise BadAnswerError(self._subject, problem, "check the registry's name, and any proxy in front of it")
        query = {"service": asked.service, "scope": str(scope)} if asked.service else {"scope": str(scope)}
        joint = "&" if urlsplit(asked.realm).query else "?"
        basic = self._credentials.basic if self._credentials and self._may_see(asked.realm) else ""
        answer = self._transport.send("GET", f"{asked.realm}{joint}{urlencode(query)}", {}, basic)
        if answer.status in _REFUSED:
            raise self._refused(asked.realm, scope, told=bool(basic))
        token = _token(answer.body) if answer.status == _OK else ""
        if not token:
            problem = (
                f"{_host(asked.realm)}, where {self._registry} asks for a login, returned no token ({answer.status})"
            )
            raise BadAnswerError(self._subject, problem)
        return token

    def _may_see(self, realm: str) -> bool:
        """Tell whether a realm may receive the password: the registry's own origin, and the hosts that were allowed."""
        origin, home = hosts.origin_of(realm), hosts.origin_of(self._base)
        return origin is not None and (origin == home or {origin.host, _host(realm)} & self._realm_hosts != set())

    def _refused(self, realm: str, scope: Scope, *, told: bool) -> UnauthorizedError:
        place = f"{self._registry}/{scope.repository}"
        if self._credentials and not told:
            problem = f"{self._registry} asks for a login at {_host(realm)}, which may not receive its password"
            return UnauthorizedError(self._subject, problem, f"allow {_host(realm)} if it belongs to the registry")
        return unauthorized(self._subject, place, has_credentials=self._credentials is not None)


def unauthorized(subject: str, place: str, *, has_credentials: bool) -> UnauthorizedError:
    """Return the error for a repository without access; registries do not tell a private one from a missing one."""
    if has_credentials:
        problem = f"{place} does not exist, or its registry does not accept these credentials for it"
        return UnauthorizedError(subject, problem, "check the name, the user, and that the token may read packages")
    return UnauthorizedError(subject, f"{place} is private or missing", "check the name, or set registry credentials")


def _token(body: bytes) -> str:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, Mapping):
        return ""
    token = document.get("token") or document.get("access_token")  # the second is OAuth 2's name of it
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else ""


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""
