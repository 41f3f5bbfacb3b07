"""HTML without injections: every text is escaped unless it was built here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

VOID = frozenset({"input", "link", "meta"})
OF_SVG = frozenset({"line", "rect"})
"""In SVG an element without content closes itself."""
Attribute = str | int | float | bool | None


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
    if name in OF_SVG:
        return Markup(f"<{name}{given}/>")
    opened = f"<{name}{given}>"
    return Markup(opened if name in VOID else f"{opened}{joined(*children)}</{name}>")


def joined(*children: str) -> Markup:
    """Return texts and markup as one piece of markup."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


def table(label: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """Return a table that scrolls by itself where the screen is too narrow for it.

    Args:
        label: what it lists, for a screen reader.
        head: the titles of the columns.
        rows: texts, or markup.
    """
    made = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    if not made:
        return tag("p", "None.")
    columns = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head)))
    whole = tag("table", columns, tag("tbody", *made))
    return tag("div", whole, class_="scroll", role="region", aria_label=label, tabindex=0)


def link(address: str, text: str) -> Markup:
    """Return a link; if its text is empty, its address is shown."""
    return tag("a", text or address, href=address)


def _named(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
