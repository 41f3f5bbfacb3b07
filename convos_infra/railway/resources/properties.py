"""Checks the inputs of resources before anything changes, and compares them with the state and with Railway."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.dynamic import CheckFailure, DiffResult

from convos_infra.errors import InfraError
from convos_infra.provider import is_unknown
from convos_infra.railway import rules
from convos_infra.railway.patch_plan import UNSEEN_CHANGE

_NAME = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9 _.-]*[A-Za-z0-9])?$")
_VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]*$")
LONGEST_NAME = 32
LONGEST_VARIABLE_NAME = 255
LONGEST_VALUE = 32 * 1024
HIGHEST_PORT = 65535


def name_failures(key: str, value: Any, *, longest: int = LONGEST_NAME, lower: bool = False) -> list[CheckFailure]:
    """Check the name of a thing: its characters, and its length (fact: name-length).

    Args:
        key: the input.
        value: its value.
        longest: the most characters.
        lower: whether it must be lower case.
    """
    if is_unknown(value):
        return []
    if value is not None and not isinstance(value, str):
        return [CheckFailure(key, f"must be text, not {type(value).__name__}")]
    text = value or ""
    if not text.strip():
        return [CheckFailure(key, "must not be empty")]
    if len(text) > longest:
        return [CheckFailure(key, f"has {len(text)} characters; Railway takes at most {longest}: {text[:40]!r}")]
    if not _NAME.fullmatch(text):
        rule = "must begin and end with a letter or digit, with only these, ' ', '-', '_' and '.' between"
        return [CheckFailure(key, f"{rule}, not {text!r}")]
    if lower and text != text.lower():
        return [CheckFailure(key, f"must be lower case, for example {text.lower()!r}")]
    return []


def id_failures(news: Mapping[str, Any], *keys: str) -> list[CheckFailure]:
    """Check the ids of a resource's parents."""
    return [
        CheckFailure(key, problem)
        for key in keys
        if not is_unknown(news.get(key)) and (problem := rules.id_problem(news.get(key)))
    ]


def port_failures(key: str, value: Any, *, required: bool = False) -> list[CheckFailure]:
    """Check a port."""
    if is_unknown(value) or (value is None and not required):
        return []
    number = rules.whole(value)
    if number is None or not 1 <= number <= HIGHEST_PORT:
        return [CheckFailure(key, f"must be a port from 1 to {HIGHEST_PORT}, not {value!r}")]
    return []


def variable_failures(key: str, variables: Any) -> list[CheckFailure]:
    """Check names and values of variables; a failure never contains a value."""
    if variables is None or is_unknown(variables):
        return []
    if not isinstance(variables, Mapping):
        return [CheckFailure(key, "must be an object of names and values")]
    failures = []
    for name, value in sorted(variables.items()):
        where = f"{key}.{name}"[:120]
        if not _VARIABLE.fullmatch(name) or len(name) > LONGEST_VARIABLE_NAME:
            rule = "a name starts with a letter or _ and contains letters, digits, '_', '-', '.'"
            failures.append(CheckFailure(where, f"{rule} (≤ {LONGEST_VARIABLE_NAME})"))
        elif name.startswith("RAILWAY_") and name not in _SETTABLE:
            failures.append(CheckFailure(where, "Railway sets the RAILWAY_ variables itself"))
        elif not is_unknown(value) and not isinstance(value, str):
            failures.append(CheckFailure(where, f"must be text, not {type(value).__name__}"))
        elif not is_unknown(value) and len(value) > LONGEST_VALUE:
            failures.append(CheckFailure(where, f"has {len(value)} characters; Railway takes at most {LONGEST_VALUE}"))
        elif not is_unknown(value) and "\x00" in value:
            failures.append(CheckFailure(where, "contains a NUL character"))
    return failures


# The RAILWAY_ variables that a user may set: Railway's settings (docs.railway.com/variables/reference), and those that
# the pool manager reads.
_SETTABLE = frozenset(
    {
        "RAILWAY_RUNTIME_IMAGE",
        "RAILWAY_API_TOKEN",
        "RAILWAY_API_URL",
        "RAILWAY_PROJECT_ID",
        "RAILWAY_ENVIRONMENT_ID",
        "RAILWAY_DEPLOYMENT_OVERLAP_SECONDS",
        "RAILWAY_DEPLOYMENT_DRAINING_SECONDS",
        "RAILWAY_HEALTHCHECK_TIMEOUT_SEC",
        "RAILWAY_RUN_UID",
        "RAILWAY_SHM_SIZE_BYTES",
        "RAILWAY_DOCKERFILE_PATH",
    }
)


def difference(
    olds: Mapping[str, Any], news: Mapping[str, Any], keys: Iterable[str], replaces: Iterable[str]
) -> DiffResult:
    """Return what differs between the state and the new inputs, among `keys` and `replaces`."""

    def differs(key: str) -> bool:
        old, new = olds.get(key), news.get(key)
        return is_unknown(new) or (old != new and not (old in (None, "") and new in (None, "")))

    forced = [key for key in replaces if differs(key)]
    return DiffResult(
        changes=bool(forced) or any(differs(key) for key in keys),
        replaces=forced,
        stables=[],
        delete_before_replace=bool(forced),
    )


def inputs_of(props: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return the properties that are inputs, for a refresh."""
    return {key: props[key] for key in keys if props.get(key) is not None}


def with_outputs(olds: Mapping[str, Any], news: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the new inputs with the outputs that an update leaves as they are; an input that was taken out is gone."""
    return {**news, **{name: olds[name] for name in names if name in olds}}


def refuse_unseen_changes(
    subject: str, recorded: Mapping[str, Any], live: Mapping[str, Any], wanted: Mapping[str, Any], keys: Iterable[str]
) -> None:
    """Raise an error, before the first mutation, if somebody else changed what is managed here.

    Args:
        subject: the subject of errors.
        recorded: the properties in Pulumi's state.
        live: the same properties as Railway shows them.
        wanted: the new inputs; a live value that equals them is no conflict, whoever set it.
        keys: which properties; one that the state does not have is not managed.

    Raises:
        InfraError: some were changed.
    """
    changed = [
        key
        for key in keys
        if recorded.get(key) is not None and live.get(key) not in (recorded.get(key), wanted.get(key))
    ]
    if changed:
        raise InfraError(
            subject,
            f"{', '.join(changed)} changed outside this stack since the last update (dashboard?)",
            UNSEEN_CHANGE,
        )


def refuse_lost(subject: str, what: str, shown: object) -> None:
    """Raise an error if a change that Railway accepted does not show when it is read back.

    Args:
        subject: the subject of errors.
        what: the change, for people.
        shown: what was read back; None if the change does not show.

    Raises:
        InfraError: it does not show.
    """
    if shown is None:
        raise InfraError(subject, f"Railway took the change but does not show {what}", "run pulumi up again")
