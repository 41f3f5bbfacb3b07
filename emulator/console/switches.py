"""The page with the forms for faults and settings, and the parser of these forms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from emulator.console.markup import Markup, joined, table, tag
from emulator.console.shell import Visitor, document, form_token, needs_token
from emulator.faults import KINDS, Fault
from emulator.settings import CHOICES

if TYPE_CHECKING:
    from emulator.settings import Settings

HERE = "/console/switches"
_NUMBERS: Mapping[str, type[int] | type[float]] = {"times": int, "after": int, "seconds": float}
_SECRET = frozenset({"further_tokens", "other_workspace_token"})
"""Settings that are credentials."""
_BOOLEAN = ("false", "true")


def switches(
    visitor: Visitor, settings: Settings, planted: Sequence[Fault], *, said: str = "", problem: str = ""
) -> str:
    """Return the page.

    Args:
        visitor: the person who requests the page.
        settings: the current settings.
        planted: the faults that wait for a call.
        said: the result of the last form.
        problem: why the last form was refused.
    """
    parts = [
        tag("p", said, class_="good", role="status") if said else Markup(""),
        tag("p", problem, class_="problem", role="alert") if problem else Markup(""),
        Markup("") if visitor.is_known else needs_token("The switches need the account token.", HERE),
        tag("section", tag("h2", "Faults"), *_faults(visitor, planted)),
        tag("section", tag("h2", "Settings"), _settings(visitor, settings)),
    ]
    return document("Faults and settings", visitor, joined(*parts), of="none")


def fault_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the fault that a form describes, as the arguments of `Faults.plant`.

    Raises:
        ValueError: a field that must be a number is not one.
    """
    found: dict[str, Any] = {"kind": fields.get("kind", ""), "operation": fields.get("operation", "").strip()}
    for name, kind in _NUMBERS.items():
        text = fields.get(name, "").strip()
        try:
            found |= {name: kind(text)} if text else {}
        except ValueError:
            raise ValueError(f"{name} is a number, not {text[:40]!r}") from None
    return found


def settings_of(fields: Mapping[str, str], now: Settings) -> dict[str, Any]:
    """Return the settings that a form changes, as the argument of `LiveSettings.change`.

    Raises:
        ValueError: a value is not valid for its setting.
    """
    found: dict[str, Any] = {}
    for name, value in asdict(now).items():
        text = fields.get(name)
        if text is None or (name in _SECRET and not text):
            continue
        wanted = text if isinstance(value, str) else _parsed(name, text)
        if wanted != value:
            found[name] = wanted
    return found


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{name}: {text[:40]!r} is not JSON") from None


def _faults(visitor: Visitor, planted: Sequence[Fault]) -> list[Markup]:
    rows = [[one.kind, one.operation or "any", str(one.times), str(one.after), f"{one.seconds:g}"] for one in planted]
    listed = table("Planted faults", ("Fault", "Operation", "Hits left", "Passes first", "Seconds"), rows)
    if not visitor.is_known:
        return [listed]
    options = [tag("option", kind, value=kind) for kind in KINDS]
    plant = _form(
        visitor,
        "faults",
        "Plant",
        _labelled("kind", "Fault", tag("select", *options, id="kind", name="kind")),
        _input("operation", "Operation (any if empty)", ""),
        _input("times", "Hits", "1", type_="number", min_=1),
        _input("after", "Calls that pass first", "0", type_="number", min_=0),
        _input("seconds", "Seconds (slow, 429)", "1", type_="number", min_=0),
    )
    return [listed, plant, _form(visitor, "no-faults", "Forget all faults")]


def _settings(visitor: Visitor, settings: Settings) -> Markup:
    values = asdict(settings)
    if not visitor.is_known:
        rows = [[tag("code", name), _shown(name, value)] for name, value in values.items()]
        return table("Settings", ("Setting", "Value"), rows)
    return _form(visitor, "settings", "Change", *(_field(name, value) for name, value in values.items()))


def _shown(name: str, value: Any) -> str:
    if name in _SECRET:
        return "••••••" if value else "-"
    return value if isinstance(value, str) else json.dumps(value)


def _field(name: str, value: Any) -> Markup:
    choices = CHOICES.get(name, _BOOLEAN if isinstance(value, bool) else ())
    if choices:
        now = _shown(name, value)
        options = [tag("option", one, value=one, selected=one == now) for one in choices]
        return _labelled(name, name, tag("select", *options, id=name, name=name))
    if name in _SECRET:
        return _input(name, f"{name} ({'set; ' if value else ''}unchanged if empty)", "", type_="password")
    return _input(name, name, _shown(name, value), type_="text" if isinstance(value, str | dict) else "number", min_=0)


def _input(name: str, label: str, value: str, *, type_: str = "text", min_: int | None = None) -> Markup:
    is_number = type_ == "number"
    field = tag(
        "input",
        id=name,
        name=name,
        value=value,
        type=type_,
        min=min_ if is_number else None,
        step="any" if is_number else None,
        autocomplete="off",
    )
    return _labelled(name, label, field)


def _labelled(name: str, label: str, field: Markup) -> Markup:
    return tag("div", tag("label", label, for_=name), field, class_="field")


def _form(visitor: Visitor, act: str, button: str, *fields: Markup) -> Markup:
    inside = [form_token(visitor), tag("div", *fields, class_="fields"), tag("button", button)]
    return tag("form", *inside, method="post", action=f"/console/{act}")
