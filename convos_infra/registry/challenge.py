"""Parses `WWW-Authenticate`: how a registry asks for a login. Pure.

Grammar: RFC 9110 section 11.6.1; several challenges may share one header, and a quoted `scope` may hold commas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
# Some registries send the realm, a URL, without quotes. The grammar does not allow its colon and slashes there.
_PARAMETER = re.compile(rf'\s*(?P<key>{_WORD})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s",]+))\s*(?:,|$)')
_SCHEME = re.compile(rf"\s*(?P<scheme>{_WORD})(?=\s|,|$)(?:\s+(?P<token68>[A-Za-z0-9._~+/-]+=*)(?=\s*(?:,|$)))?\s*,?")


@dataclass(frozen=True)
class Challenge:
    """One way to log in.

    Attributes:
        scheme: lower case: `bearer`, `basic`, …
        parameters: `realm`, `service`, `scope`, `error`, …; keys in lower case.
    """

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def realm(self) -> str:
        """The URL of the token server."""
        return self.parameters.get("realm", "")

    @property
    def service(self) -> str:
        """The name of the registry at its token server."""
        return self.parameters.get("service", "")


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Parse a header, or several joined by commas; everything after a malformed part is ignored."""
    found: list[Challenge] = []
    position = 0
    parameters: dict[str, str] = {}
    while position < len(header):
        if found and (parameter := _PARAMETER.match(header, position)):
            quoted = parameter["quoted"]
            value = parameter["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            parameters.setdefault(parameter["key"].lower(), value)
            position = parameter.end()
        elif scheme := _SCHEME.match(header, position):
            parameters = {}
            found.append(Challenge(scheme["scheme"].lower(), parameters))
            position = scheme.end()
        else:
            break
    return tuple(found)


def choose(challenges: tuple[Challenge, ...]) -> Challenge | None:
    """Return the challenge to answer: bearer before basic, as it does not repeat the password; None without either."""
    for scheme in ("bearer", "basic"):
        for challenge in challenges:
            if challenge.scheme == scheme and (scheme == "basic" or challenge.realm):
                return challenge
    return None
