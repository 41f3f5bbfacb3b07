"""The forms of the actions; they also work without JavaScript."""

from __future__ import annotations

from dataclasses import dataclass

from pool_contract.requests import LONGEST_INSTRUCTIONS, LONGEST_NAME, LONGEST_VALUE, MOST_AT_ONCE

from .markup import Markup, joined, tag


@dataclass(frozen=True)
class FormContext:
    """The common values of all forms of a session.

    Attributes:
        token: see `Session.form_token`.
        is_production: whether each action needs a confirmation.
    """

    token: str
    is_production: bool


def act_form(context: FormContext, act: str, label: str, words: str, agent_id: str = "") -> Markup:
    """Return an action with a confirmation: the first click opens the button that executes it."""
    name = f"{act}-{agent_id}" if agent_id else act
    form = tag(
        "form",
        _hidden("token", context.token),
        _hidden("agent", agent_id) if agent_id else "",
        _sure(context, name),
        tag("button", words, class_="danger"),
        method="post",
        action=f"/dashboard/{act}",
        data_live=True,
    )
    summary = tag("summary", label, aria_label=f"{label} {agent_id}".strip(), id=f"ask-{name}")
    return tag("details", summary, form, class_="ask")


def claim_form(context: FormContext) -> Markup:
    """Return the form that hands out an agent."""
    return tag(
        "form",
        _hidden("token", context.token),
        _field("name", "Name", tag("input", id="name", name="agentName", required=True, maxlength=LONGEST_NAME)),
        _field(
            "instructions",
            "Instructions",
            tag(
                "textarea",
                id="instructions",
                name="instructions",
                required=True,
                maxlength=LONGEST_INSTRUCTIONS,
                rows=3,
            ),
        ),
        _field(
            "join",
            "Link to a conversation to join; without one, a new conversation starts",
            tag("input", id="join", name="joinUrl", type="url", maxlength=LONGEST_VALUE, placeholder="https://"),
        ),
        _sure(context, "claim"),
        tag("button", "Launch or join"),
        method="post",
        action="/dashboard/claim",
        data_live=True,
    )


def count_form(context: FormContext, act: str, label: str, words: str) -> Markup:
    """Return the form that adds or drains agents."""
    count = tag(
        "input", id=f"{act}-count", name="count", type="number", value=1, min=1, max=MOST_AT_ONCE, required=True
    )
    return tag(
        "form",
        _hidden("token", context.token),
        _field(f"{act}-count", label, count),
        _sure(context, act),
        tag("button", words, class_="danger" if act == "drain" else None),
        method="post",
        action=f"/dashboard/{act}",
        data_live=True,
    )


def login_form(problem: str) -> Markup:
    """Return the form that logs in."""
    key = tag("input", id="key", name="key", type="password", required=True, autocomplete="current-password")
    return tag(
        "section",
        tag("h2", "Log in"),
        tag("p", problem, role="alert", class_="problem") if problem else "",
        tag(
            "form",
            _field("key", "The pool's API key", key),
            tag("button", "Log in"),
            method="post",
            action="/login",
        ),
        id="login",
    )


def logout_form(context: FormContext) -> Markup:
    """Return the button that logs out."""
    return tag("form", _hidden("token", context.token), tag("button", "Log out"), method="post", action="/logout")


def _field(id_: str, label: str, control: Markup) -> Markup:
    return tag("div", tag("label", label, for_=id_), control, class_="field")


def _hidden(name: str, value: str) -> Markup:
    return tag("input", type="hidden", name=name, value=value)


def _sure(context: FormContext, name: str) -> Markup:
    if not context.is_production:
        return Markup("")
    box = tag("input", id=f"sure-{name}", type="checkbox", name="sure", value="production", required=True)
    return tag("label", joined(box, " I understand that this is production"), for_=f"sure-{name}", class_="sure")
