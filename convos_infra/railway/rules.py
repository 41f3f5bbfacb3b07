"""Checks of single values before anything changes; each returns the empty string for a valid value. Pure.

Railway accepts most wrong values and fails at the deployment, or runs something other than what was meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from convos_infra.provider import is_unknown

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/)?"
_PATH = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(rf"{_HOST}{_PATH}(?:/{_PATH})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?")
_REPO = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CRON_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {
    "month": {name: number + 1 for number, name in enumerate(_MONTHS)},
    "weekday": {name: number for number, name in enumerate(_DAYS)},
}
_CRON_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")
REGIONS = ("us-west2", "us-east4-eqdc4a", "europe-west4-drams3a", "asia-southeast1-eqsg3a")
BUILDERS = ("DOCKERFILE", "HEROKU", "NIXPACKS", "PAKETO", "RAILPACK")
RESTART_POLICIES = ("ALWAYS", "NEVER", "ON_FAILURE")
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+){0,2}(?:-[0-9A-Za-z.-]+)?")
_LOGIN = ("username", "password")
_LIMITS = {"cpu": "vCPUs", "memoryBytes": "bytes", "diskBytes": "bytes"}


def number(value: Any) -> float | None:
    """Return a finite number, or None for anything else, including a bool."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def whole(value: Any) -> int | None:
    """Return a whole number as an int (Pulumi's numbers are doubles), or None for anything else."""
    found = number(value)
    return None if found is None or not found.is_integer() else int(value)


def whole_from(lowest: int) -> Callable[[Any], str]:
    """Return a check for a whole number that is at least `lowest`."""

    def problem(value: Any) -> str:
        found = whole(value)
        is_fine = found is not None and found >= lowest
        return "" if is_fine else f"must be a whole number from {lowest}, not {_shown(value)}"

    return problem


def switch_problem(value: Any) -> str:
    """Check a boolean."""
    return "" if isinstance(value, bool) else f"must be true or false, not {_shown(value)}"


def builder_problem(value: Any) -> str:
    """Check the name of a builder."""
    return "" if value in BUILDERS else f"must be one of {', '.join(BUILDERS)}, not {_shown(value)}"


def restart_policy_problem(value: Any) -> str:
    """Check a restart policy."""
    return "" if value in RESTART_POLICIES else f"must be one of {', '.join(RESTART_POLICIES)}, not {_shown(value)}"


def version_problem(value: Any) -> str:
    """Check a release of a builder; an empty text is not one."""
    if value == "" or (isinstance(value, str) and _VERSION.fullmatch(value)):
        return ""
    return f"must be a release such as 1.2.3, not {_shown(value)}"


def id_problem(value: Any) -> str:
    """Check a Railway id."""
    if value is not None and not isinstance(value, str):
        return f"must be an id of Railway, not {_shown(value)}"
    if not value or not value.strip():
        return "must not be empty"
    return "" if _ID.fullmatch(value) else f"must be an id of Railway, not {value[:80]!r}"


def image_problem(value: Any) -> str:
    """Check an image reference, `[host[:port]/]path[:tag][@sha256:…]`."""
    if isinstance(value, str) and _IMAGE.fullmatch(value):
        return ""
    return f"must be an image reference such as ghcr.io/owner/name:tag@sha256:…, not {_shown(value)}"


def repo_problem(value: Any) -> str:
    """Check a GitHub repository."""
    return "" if isinstance(value, str) and _REPO.fullmatch(value) else f"must be owner/name, not {_shown(value)}"


def text_problem(value: Any) -> str:
    """Check a text that must not be empty, such as a command, a branch or a folder."""
    if not isinstance(value, str):
        return f"must be text, not {type(value).__name__}"
    if value and not value.strip():
        return "is only whitespace: leave it out"
    return "contains a NUL character" if "\x00" in value else ""


def path_problem(value: Any, *, root: bool) -> str:
    """Check an absolute path.

    Args:
        value: the path.
        root: whether `/` itself is valid.
    """
    if not isinstance(value, str) or not value.startswith("/"):
        return f"must begin with '/', not {_shown(value)}"
    if any(mark.isspace() or not mark.isprintable() for mark in value):
        return f"must not contain whitespace, not {_shown(value)}"
    if not root and not value.strip("/"):
        return f"must be below '/', not {_shown(value)}"
    return f"must not contain '..', not {_shown(value)}" if ".." in value.split("/") else ""


def health_path_problem(value: Any) -> str:
    """Check the path of a health check."""
    return path_problem(value, root=True)


def mount_path_problem(value: Any) -> str:
    """Check the path of a volume."""
    return path_problem(value, root=False)


def texts_problems(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the problems of a list of texts; an unknown text passes."""
    if not isinstance(value, list):
        yield "", f"must be a list, not {type(value).__name__}"
        return
    for item in value:
        if not is_unknown(item) and (problem := text_problem(item)):
            yield "", problem


def command_problems(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the problems of a command, given as a list of one or as a text."""
    value = listed(value)
    if isinstance(value, list) and len(value) > 1:
        yield "", "Railway takes one command: join them with &&"
        return
    yield from texts_problems(value)


def listed(value: Any) -> Any:
    """Return a text as the list that Railway stores."""
    return [value] if isinstance(value, str) else value


def region_problems(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the problems of regions, `{region: {numReplicas}}`, each with its place."""
    if not isinstance(value, Mapping) or not value:
        yield "", "must name at least one region"
        return
    for region, settings in value.items():
        count = replicas_of(settings)
        if region not in REGIONS:
            yield "", f"unknown region {region!r}; expected one of {', '.join(REGIONS)}"
        elif count is None or count < 1:
            yield f".{region}.numReplicas", "must be a whole number from 1"
        elif odd := sorted(set(settings) - {"numReplicas", "stackerAssignment"}):
            yield f".{region}.{odd[0]}", "unknown setting; expected numReplicas"


def replicas_of(settings: Any) -> int | None:
    """Return the number of replicas of one region; None if it is not a number."""
    return whole(settings.get("numReplicas", 1)) if isinstance(settings, Mapping) else None


def other_regions(before: Any, after: Any) -> bool:
    """Tell whether the regions of a service differ, which deploys; a different number of replicas does not.

    Source: docs.railway.com/deployments/scaling. Without any region, it runs in the first one.
    """
    return _regions(before) != _regions(after)


def _regions(value: Any) -> set[str]:
    return set(value) if isinstance(value, Mapping) and value else {REGIONS[0]}


def cron_problem(value: Any) -> str:
    """Check a schedule of five fields."""
    fields = value.split() if isinstance(value, str) else []
    if len(fields) != len(_CRON_FIELDS):
        return f"must have five fields (minute hour day month weekday, in UTC), not {_shown(value)}"
    for (name, lowest, highest), text in zip(_CRON_FIELDS, fields, strict=True):
        if not all(_cron_part_fits(part, _NAMES.get(name, {}), lowest, highest) for part in text.split(",")):
            return f"its {name} must be from {lowest} to {highest}, '*', a range or a list of them, not {text[:40]!r}"
    return ""


def _cron_part_fits(part: str, names: Mapping[str, int], lowest: int, highest: int) -> bool:
    found = _CRON_PART.fullmatch(part)
    if found is None or (found["first"] == "*" and found["last"]) or found["step"] == "0":
        return False
    numbers = [
        names.get(text.lower(), int(text) if text.isdecimal() else -1)
        for text in (found["first"], found["last"])
        if text and text != "*"
    ]
    return all(lowest <= one <= highest for one in numbers) and numbers == sorted(numbers)


def limit_problems(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the problems of limits, `{containers: {cpu, memoryBytes}}`, each with its place."""
    containers = value.get("containers") if isinstance(value, Mapping) else None
    if not isinstance(containers, Mapping) or not containers or len(value) > 1:
        yield "", "must be {containers: {cpu, memoryBytes}}"
        return
    for name, limit in containers.items():
        found = number(limit)
        if name not in _LIMITS:
            yield f".containers.{name}", f"unknown limit; expected one of {', '.join(_LIMITS)}"
        elif found is None or found <= 0:
            yield f".containers.{name}", f"must be more than 0 {_LIMITS[name]}, not {_shown(limit)}"


def login_problems(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the problems of a registry login, each with its place.

    The place is always below the property: Pulumi prints the value of a property that it names, and this one
    contains a password.
    """
    found = value if isinstance(value, Mapping) else {}
    for name in _LOGIN:
        if not isinstance(found.get(name), str) or not found[name].strip():
            yield f".{name}", "must not be empty"
    for name in sorted(set(found) - set(_LOGIN)):
        yield f".{name}", f"unknown property; expected {' and '.join(_LOGIN)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
