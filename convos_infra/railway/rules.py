"""What single values must be, told before anything changes; the empty string where one is fine. Pure.

Railway stores most of these without a word and fails at the deployment, or never runs what was meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

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
_LOGIN = ("username", "password")
_LIMITS = {"cpu": "vCPUs", "memoryBytes": "bytes", "diskBytes": "bytes"}


def number(value: Any) -> float | None:
    """Return a finite number, or None where it is none; a bool is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def id_problem(value: Any) -> str:
    """Check an id of Railway."""
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
    """Check a text that has to say something, a command, a branch, a folder; an empty one is none."""
    if not isinstance(value, str):
        return f"must be text, not {type(value).__name__}"
    if value and not value.strip():
        return "must not be blank: leave it out"
    return "holds a NUL character" if "\x00" in value else ""


def path_problem(value: Any, *, root: bool) -> str:
    """Check an absolute path.

    Args:
        value: the path.
        root: whether `/` itself does.
    """
    if not isinstance(value, str) or not value.startswith("/"):
        return f"must begin with '/', not {_shown(value)}"
    if any(mark.isspace() or not mark.isprintable() for mark in value):
        return f"must hold no blanks, not {_shown(value)}"
    if not root and not value.strip("/"):
        return f"must be below '/', not {_shown(value)}"
    return f"must hold no '..', not {_shown(value)}" if ".." in value.split("/") else ""


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
    """Yield what is wrong with limits, `{containers: {cpu, memoryBytes}}`: where below it, what."""
    containers = value.get("containers") if isinstance(value, Mapping) else None
    if not isinstance(containers, Mapping) or not containers or len(value) > 1:
        yield "", "must be {containers: {cpu, memoryBytes}}"
        return
    for name, limit in containers.items():
        found = number(limit)
        if name not in _LIMITS:
            yield f".containers.{name}", f"there is no such limit; there are {', '.join(_LIMITS)}"
        elif found is None or found <= 0:
            yield f".containers.{name}", f"must be more than 0 {_LIMITS[name]}, not {_shown(limit)}"


def login_problems(value: Any) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a registry login: where below it, what.

    Always below it: Pulumi prints the value of a property that it names, and this one's holds a password.
    """
    found = value if isinstance(value, Mapping) else {}
    for name in _LOGIN:
        if not isinstance(found.get(name), str) or not found[name].strip():
            yield f".{name}", "must not be empty"
    for name in sorted(set(found) - set(_LOGIN)):
        yield f".{name}", f"there is no such part; there are {' and '.join(_LOGIN)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
