"""Tells in a preview that the rename of a stack renames its environment, which `pulumi stack rename` does not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FOLLOWS = "followsStack"
STACK = "stack"


def rename_line(key: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> str:
    """Return the line about an environment that is renamed because its stack was; empty if it is not.

    Args:
        key: the key of the stack's config that would give the environment its name.
        olds: the inputs in the state.
        news: the new inputs; `followsStack` names the config's keys that are not set and take the stack's name.
    """
    before, after = olds.get("name"), news.get("name")
    follows = list(news.get(FOLLOWS) or ())
    if not before or before == after or key not in follows or news.get("environmentIdToAdopt"):
        return ""
    stack = news[STACK]
    others = [name for name in follows if name != key]
    as_well = f"; so do {' and '.join(others)}, which may choose other images" if others else ""
    reason = f"{key} is not set and takes the name of the stack{as_well}"
    keep = f"pulumi config set {key} {before} --stack {stack}"
    return f"environment {before}: is renamed to {after} on Railway, since {reason}. To keep its name: {keep}"
