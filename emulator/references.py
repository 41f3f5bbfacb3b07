"""Renders the references `${{Service.NAME}}`, `${{shared.NAME}}` and `${{NAME}}`, as a deployment does. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(
    r"\$\{\{\s*(?:(?:\"(?P<quoted>[^}\"]+)\"|(?P<owner>[^}.]+?))\.)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*\}\}"
)
"""A service name with dots has to be quoted (github.com/wasp-lang/wasp/issues/3513); any other may be."""
_DEEPEST = 10

Variables = Mapping[str, str]


def referenced(text: str) -> list[str]:
    """Return what a value refers to, as `Service.NAME`, `shared.NAME` or `NAME`."""
    found = (
        f"{owner}.{match['name']}" if (owner := _owner(match)) else match["name"] for match in _REFERENCE.finditer(text)
    )
    return list(dict.fromkeys(found))


def _owner(match: re.Match[str]) -> str:
    return match["quoted"] or match["owner"] or ""


def rendered(name_of_service: str, services: Mapping[str, Variables], shared: Variables) -> dict[str, str]:
    """Return one service's variables with all references resolved; one that does not resolve is the empty string.

    Args:
        name_of_service: the service.
        services: each service's own variables, RAILWAY_* included, by its name; names are case-sensitive.
        shared: the environment's shared variables.
    """

    def value_of(owner: str, name: str, depth: int) -> str:
        variables = shared if owner == "shared" else services.get(owner, {})
        return resolve(variables.get(name, ""), owner, depth)

    def resolve(text: str, owner: str, depth: int) -> str:
        if depth > _DEEPEST:
            return ""
        return _REFERENCE.sub(lambda match: value_of(_owner(match) or owner, match["name"], depth + 1), text)

    return {name: resolve(value, name_of_service, 0) for name, value in services[name_of_service].items()}
