"""The frame of every page of the console: head, navigation and login."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.console.markup import Markup, joined, link, tag

HOME = "/console"
TOKEN_HINT = "The account token: .local/token of make local, or the file account-token below --data."  # noqa: S105


@dataclass(frozen=True)
class Visitor:
    """The person who requests a page.

    Attributes:
        form_token: the session's CSRF token; empty without a login.
        with_switches: whether this emulator has switches.
        assets: which version of style sheet and script is served.
    """

    form_token: str = ""
    with_switches: bool = False
    assets: str = ""

    @property
    def is_known(self) -> bool:
        """Whether the visitor gave the account token."""
        return bool(self.form_token)


def document(title: str, visitor: Visitor, body: Markup, *, trail: Markup | None = None, of: str = "state") -> str:
    """Return a whole page.

    Args:
        title: its heading.
        visitor: the person who requests the page.
        body: the part that is updated while the page is open.
        trail: the links that lead up from here.
        of: what triggers an update of the page: `state`, `calls` for the ledger, `log` for time alone, or `none`.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", f"{title} · Railway emulator"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("link", rel="stylesheet", href=f"/console/static/console.css?v={visitor.assets}"),
        tag("script", src=f"/console/static/console.js?v={visitor.assets}", defer=True),
    )
    pages = [link(HOME, "Projects"), link("/console/calls", "Calls")]
    pages += [link("/console/switches", "Faults and settings")] if visitor.with_switches else []
    header = tag(
        "header",
        tag("a", "Skip to the content", href="#live", class_="skip"),
        tag("p", tag("strong", "Railway emulator"), " A local stand-in for Railway's API, not Railway."),
        tag("nav", *pages, _login_link(visitor), aria_label="Console"),
    )
    main = tag(
        "main",
        tag("nav", trail, aria_label="Where this is", class_="trail") if trail is not None else Markup(""),
        tag("h1", title),
        tag("div", body, id="live", data_of=of, tabindex=-1),
    )
    return f'<!doctype html><html lang="en">{head}{tag("body", header, main)}</html>'


def login_form(problem: str, to: str) -> Markup:
    """Return the form that takes the account token.

    Args:
        problem: why the last login failed; empty if none did.
        to: the page to return to.
    """
    return tag(
        "section",
        tag("p", problem, class_="problem", role="alert") if problem else Markup(""),
        tag("p", "With the account token, logs and the values of variables are shown, and switches can be used."),
        tag(
            "form",
            tag("label", "Account token", for_="token"),
            tag("input", id="token", name="token", type="password", required=True, autocomplete="off"),
            tag("input", type="hidden", name="to", value=to),
            tag("button", "Log in"),
            method="post",
            action="/console/login",
        ),
        tag("p", TOKEN_HINT),
    )


def needs_token(what: str, here: str) -> Markup:
    """Return the placeholder for a part that needs the account token."""
    return tag("p", f"{what} ", link(f"/console/login?to={here}", "Log in with the account token"), ".")


def form_token(visitor: Visitor) -> Markup:
    """Return the hidden field with the session's CSRF token."""
    return tag("input", type="hidden", name="form_token", value=visitor.form_token)


def state_of(status: str) -> Markup:
    """Return a deployment's status, coloured by what it means."""
    kinds = {"SUCCESS": "good", "FAILED": "bad", "CRASHED": "bad", "REMOVED": "soft", "SKIPPED": "soft"}
    return tag("span", status or "never deployed", class_=f"state {kinds.get(status, 'warn')}")


def trail(*links: tuple[str, str]) -> Markup:
    """Return links that lead up, each as address and text."""
    return joined(*(joined(link(address, text), " / ") for address, text in links))


def _login_link(visitor: Visitor) -> Markup:
    if not visitor.is_known:
        return link("/console/login", "Log in")
    return tag("form", form_token(visitor), tag("button", "Log out"), method="post", action="/console/logout")
