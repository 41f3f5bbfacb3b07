"""HTML without injections: every text is escaped unless it was built here."""

from __future__ import annotations

from html import escape

VOID = frozenset({"br", "input", "link", "meta"})
Attribute = str | int | bool | None


class Markup(str):
    """HTML that is safe to show."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: Attribute) -> Markup:
    """Return an element.

    Args:
        name: the element's name.
        children: text, which is escaped, or markup, which is not.
        attributes: `class_` becomes `class`, and an underscore becomes a hyphen; True is an attribute without a value,
            False and None are left out.
    """
    given = "".join(
        f" {_named(key)}" if value is True else f' {_named(key)}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    opened = f"<{name}{given}>"
    return Markup(opened if name in VOID else f"{opened}{joined(*children)}</{name}>")


def joined(*children: str) -> Markup:
    """Return texts and markup as one piece of markup."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


def _named(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
