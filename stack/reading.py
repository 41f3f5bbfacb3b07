"""Builds a section from the values of a stack's config and of the shell, and finds every problem in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from stack.problem import Problem
from stack.section import SET_AS_TEXT, ConfigKey, Section, bounds, config_keys, section_in

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_Section = TypeVar("_Section", bound=Section)
_TOO_SMALL_OR_LARGE = frozenset({"greater_than_equal", "less_than_equal"})


def given(
    keys: Mapping[str, ConfigKey],
    stack: str,
    values: Mapping[str, Any],
    environ: Mapping[str, str],
    defaults: Mapping[str, str],
) -> dict[str, Any]:
    """Return the value that applies to each key: the config's, otherwise the shell's, otherwise the stack's default.

    Args:
        keys: the declared keys.
        stack: the stack's name.
        values: the config by key, secrets decrypted.
        environ: the process's environment.
        defaults: the defaults that depend on the stack or on the machine, by key. All others are in the declarations.
    """
    found: dict[str, Any] = {}
    for name, declared in keys.items():
        own = values.get(name)
        if own is None or (own == "" and declared.type != "boolean"):
            own = _of_shell(declared, stack, environ) or defaults.get(name)
        if own is not None:
            found[name] = own
    return found


def _of_shell(declared: ConfigKey, stack: str, environ: Mapping[str, str]) -> str:
    if declared.env_stack not in ("", stack):
        return ""
    return next((text for name in declared.env if (text := environ.get(name, "").strip())), "")


def read(section: type[_Section], values: Mapping[str, Any], more: Mapping[str, Any]) -> tuple[_Section, list[Problem]]:
    """Return a section and its problems. An invalid key gets its default, so that all problems are found.

    Args:
        section: the section's class.
        values: the values by key.
        more: the fields that no key sets, by name; for a nested section, the mapping of its own fields.
    """
    keys = {declared.name: declared for declared in config_keys(section)}
    problems: list[Problem] = []
    mistaken: set[str] = set()
    try:
        found = section.model_validate(_nested(section, values, more))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
        bounds_of = dict(_bounds(section))
        problems = [_problem(keys[str(row["loc"][-1])], row, values, bounds_of) for row in details]
        mistaken = {problem.key for problem in problems}
        rest = {name: value for name, value in values.items() if name not in mistaken}
        found = section.model_validate(_nested(section, rest, more))
    problems += [problem for problem in found.problems() if problem.key not in mistaken]
    return found, problems


def _nested(section: type[Section], values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    found = {**values, **{name: value for name, value in more.items() if not isinstance(value, Mapping)}}
    for name, field in section.model_fields.items():
        inside = section_in(field)
        if inside is not None:
            found[name] = _nested(inside, values, more.get(name) or {})
    return found


def _problem(
    declared: ConfigKey,
    row: ErrorDetails,
    values: Mapping[str, Any],
    bounds_of: Mapping[str, tuple[int | None, int | None]],
) -> Problem:
    """Return a validator's error as a problem, never with the value of a secret."""
    context: Mapping[str, Any] = row.get("ctx") or {}
    if row["type"] in _TOO_SMALL_OR_LARGE:
        lowest, highest = bounds_of[declared.name]
        shown = "" if declared.secret else f", not {values[declared.name]!r}"
        return Problem(declared.name, f"must be from {lowest} to {highest}{shown}")
    step = str(context.get("next_step", ""))
    if step == SET_AS_TEXT:
        step = f"pulumi config set {'--secret ' if declared.secret else ''}{declared.name}"
    return Problem(declared.name, str(context.get("what") or row["msg"]), step)


def _bounds(section: type[Section]) -> Iterator[tuple[str, tuple[int | None, int | None]]]:
    for field in section.model_fields.values():
        inside = section_in(field)
        if inside is not None:
            yield from _bounds(inside)
        elif field.alias is not None:
            yield field.alias, bounds(field)
