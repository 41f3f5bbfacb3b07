"""The keys of a stack's config that are not declared, and the secrets that are not encrypted."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stack import agent_keys
from stack.agent_keys import FORBIDDEN_PREFIX
from stack.problem import Problem

if TYPE_CHECKING:
    from stack.section import ConfigKey


def unknown(values: Mapping[str, Any], known: Mapping[str, ConfigKey]) -> Iterator[Problem]:
    """Yield the keys that are not declared, each with the declared key that may have been meant."""
    for name in sorted(values.keys() - known.keys()):
        if name.startswith(FORBIDDEN_PREFIX):
            step = f"set it as keys.{name.removeprefix(FORBIDDEN_PREFIX)}"
            yield Problem(name, agent_keys.prefix_text(name), step)
            continue
        by_case = [one for one in known if one.lower() == name.lower()]
        near = by_case or difflib.get_close_matches(name, sorted(known), n=1)
        yield Problem(
            name, "no such key in Pulumi.yaml", f"did you mean {near[0]}?" if near else "Pulumi.yaml lists the keys"
        )


def in_plain_text(
    values: Mapping[str, Any], known: Mapping[str, ConfigKey], is_secret: Callable[[str], bool]
) -> Iterator[Problem]:
    """Yield the secrets that are not encrypted."""
    for declared in known.values():
        if declared.secret and values.get(declared.name) and not is_secret(declared.name):
            yield Problem(declared.name, "is in plain text", f"pulumi config set --secret {declared.name}")
