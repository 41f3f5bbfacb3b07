"""The `config:` block of Pulumi.yaml, from the model of a stack's config. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from stack.section import ConfigKey

_BLOCK = "config:\n"


def written(pulumi_yaml: str, keys: Iterable[ConfigKey]) -> str:
    """Return Pulumi.yaml with these keys; the part before the block, which is the last one, is unchanged."""
    head, _, _ = pulumi_yaml.partition(f"\n{_BLOCK}")
    return f"{head}\n{_BLOCK}{''.join(_lines(keys))}"


def description(declared: ConfigKey) -> str:
    """Return the purpose of a key, and the variable that can replace it."""
    if not declared.env:
        return declared.description
    names = " or ".join(declared.env)
    where = f" on the stack {declared.env_stack}" if declared.env_stack else ""
    return f"{declared.description} If it is empty{where}, {names} of the shell is used."


def _lines(keys: Iterable[ConfigKey]) -> Iterator[str]:
    for declared in keys:
        yield f"  {declared.name}:\n"
        # An optional secret is typed string: docs/decisions/0003-optional-secrets-are-not-typed-secret.md.
        yield f"    type: {declared.type}\n"
        yield f"    description: {_scalar(description(declared))}\n"
        yield f"    default: {_scalar(declared.default)}\n"


def _scalar(value: object) -> str:
    """Return a value as YAML, quoted only if it would be read as something else."""
    if not isinstance(value, str):
        return json.dumps(value)
    return value if _reads_as_itself(value) else json.dumps(value, ensure_ascii=False)


def _reads_as_itself(text: str) -> bool:
    try:
        return bool(yaml.safe_load(f"key: {text}") == {"key": text})
    except yaml.YAMLError:
        return False
