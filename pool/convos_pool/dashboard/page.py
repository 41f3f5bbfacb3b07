"""The whole page, with and without a login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convos_pool import agents

from .forms import FormContext, claim_form, count_form, login_form, logout_form
from .markup import Markup, joined, tag
from .sections import Filter, changing, counts

if TYPE_CHECKING:
    from .state import State


def public_page(state: State, assets: str, problem: str = "") -> str:
    """Return the page without a login: counts, image, rollout, and the form that logs in.

    Args:
        state: the values to show.
        assets: see `Assets.version`.
        problem: the problem of the last login.
    """
    rollout = tag("p", f"Rollout: {state.step.text}")
    return _document(state, assets, joined(counts(state), rollout, login_form(problem)))


def operator_page(state: State, context: FormContext, chosen: Filter, assets: str, result: Markup) -> str:
    """Return the page with a login.

    Args:
        state: the values to show.
        context: the common values of all forms.
        chosen: which agents are shown.
        assets: see `Assets.version`.
        result: the result of the last action.
    """
    first, *others = changing(state, context, chosen)
    body = joined(
        tag("div", result, id="result", role="status", tabindex=-1),
        first,
        _acts(context),
        _filter_form(chosen),
        *others,
        tag("footer", logout_form(context)),
    )
    return _document(state, assets, body, script=True)


def _acts(context: FormContext) -> Markup:
    return tag(
        "div",
        tag("section", tag("h2", "Launch or join"), claim_form(context), class_="wide"),
        tag(
            "section",
            tag("h2", "Add and drain"),
            count_form(context, "add", "Agents to add", "Add"),
            count_form(context, "drain", "Idle agents to delete", "Drain"),
        ),
        class_="columns",
    )


def _filter_form(chosen: Filter) -> Markup:
    options = [
        tag("option", name or "every state", value=name, selected=name == chosen.state) for name in ("", *agents.STATES)
    ]
    return tag(
        "form",
        tag("label", "Search agents", for_="search"),
        tag("input", id="search", name="q", type="search", value=chosen.text, placeholder="id, name, image"),
        tag("label", "State", for_="state"),
        tag("select", *options, id="state", name="state"),
        tag("button", "Filter"),
        id="filter",
        method="get",
        action="/",
        role="search",
    )


def _document(state: State, assets: str, body: Markup, *, script: bool = False) -> str:
    title = f"Convos pool · {state.environment}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", title),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("link", rel="stylesheet", href=f"/static/dashboard.css?v={assets}"),
        tag("script", src=f"/static/dashboard.js?v={assets}", defer=True) if script else "",
    )
    header = tag(
        "header",
        tag("h1", "Convos pool"),
        tag("span", state.environment, class_="environment"),
        tag("p", "New agents get ", tag("code", state.image)),
    )
    main = tag("main", body)
    shown = tag("body", header, main, class_="production" if state.is_production else None)
    return f'<!doctype html><html lang="en">{head}{shown}</html>'
