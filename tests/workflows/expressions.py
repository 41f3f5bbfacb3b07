"""GitHub's expressions as far as our workflows' conditions use them, and the filters of triggers, over real payloads.

Source: GitHub's documentation, "Evaluate expressions in workflows and actions" and "Workflow syntax": a property that
is missing is the empty string, `*` collects a property of a list, and `**` in a path filter crosses folders.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

DEFAULT_TYPES = ("opened", "synchronize", "reopened")
_TOKEN = re.compile(r"\s*(&&|\|\||==|!=|[(),]|'(?:[^']|'')*'|[\w.*-]+)")


def truth(expression: str, contexts: Mapping[str, Any]) -> bool:
    """Evaluate a condition; an empty one is true."""
    if not expression.strip():
        return True
    tokens = _TOKEN.findall(expression)
    assert "".join(tokens) == re.sub(r"\s+(?=(?:[^']*'[^']*')*[^']*$)", "", expression), f"not understood: {expression}"
    value, rest = _or(tokens, contexts)
    assert not rest, rest
    return bool(value)


def _or(tokens: list[str], contexts: Mapping[str, Any]) -> tuple[Any, list[str]]:
    value, tokens = _and(tokens, contexts)
    while tokens[:1] == ["||"]:
        other, tokens = _and(tokens[1:], contexts)
        value = value or other
    return value, tokens


def _and(tokens: list[str], contexts: Mapping[str, Any]) -> tuple[Any, list[str]]:
    value, tokens = _comparison(tokens, contexts)
    while tokens[:1] == ["&&"]:
        other, tokens = _comparison(tokens[1:], contexts)
        value = value and other
    return value, tokens


def _comparison(tokens: list[str], contexts: Mapping[str, Any]) -> tuple[Any, list[str]]:
    value, tokens = _term(tokens, contexts)
    if tokens[:1] in (["=="], ["!="]):
        other, rest = _term(tokens[1:], contexts)
        same = str(value).lower() == str(other).lower()
        return same if tokens[0] == "==" else not same, rest
    return value, tokens


def _term(tokens: list[str], contexts: Mapping[str, Any]) -> tuple[Any, list[str]]:
    first, rest = tokens[0], tokens[1:]
    if first == "(":
        value, rest = _or(rest, contexts)
        assert rest[0] == ")"
        return value, rest[1:]
    if first.startswith("'"):
        return first[1:-1].replace("''", "'"), rest
    if first == "contains":
        assert rest[0] == "("
        where, rest = _or(rest[1:], contexts)
        assert rest[0] == ","
        what, rest = _or(rest[1:], contexts)
        assert rest[0] == ")"
        return what in where, rest[1:]
    return _property(first.split("."), contexts), rest


def _property(path: Sequence[str], value: Any) -> Any:
    for index, name in enumerate(path):
        if name == "*":
            return [_property(path[index + 1 :], item) for item in value or []]
        value = value.get(name) if isinstance(value, Mapping) else None
        if value is None:
            return ""
    return value


def starts(on: Mapping[str, Any], event: str, payload: Mapping[str, Any], files: Sequence[str]) -> bool:
    """Say whether a workflow with these triggers starts for an event whose changes are in these files."""
    if event not in on:
        return False
    trigger = on[event] or {}
    if event == "push":
        branch = str(payload["ref"]).removeprefix("refs/heads/")
        if payload.get("deleted") or not str(payload["ref"]).startswith("refs/heads/"):
            return False
        return branch in trigger["branches"] and _touches(trigger, files)
    if event == "pull_request":
        if payload["action"] not in trigger.get("types", DEFAULT_TYPES):
            return False
        base = payload["pull_request"]["base"]["ref"]
        return base in trigger.get("branches", [base]) and _touches(trigger, files)
    return True


def _touches(trigger: Mapping[str, Any], files: Sequence[str]) -> bool:
    patterns = trigger.get("paths")
    return patterns is None or any(_matches(pattern, file) for pattern in patterns for file in files)


def _matches(pattern: str, file: str) -> bool:
    expression = re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
    return re.fullmatch(expression, file) is not None
