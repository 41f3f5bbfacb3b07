"""An invite as a QR code: an SVG within the page, generated here, so that no other site sees the link."""

from __future__ import annotations

import segno

from .markup import Markup, joined, tag


def qr_code(text: str) -> Markup:
    """Return a link's QR code as SVG; empty if the link is too long for one."""
    try:
        found = segno.make(text, error="m", micro=False)
    except segno.DataOverflowError:
        return Markup("")
    drawn = found.svg_inline(omitsize=True, border=4, svgclass="qr", lineclass=None, dark="#000", light="#fff")
    # It is our own markup and does not contain the link's text.
    return Markup(drawn.replace("<svg ", '<svg role="img" aria-label="QR code of the invite" ', 1))


def invite(link: str) -> Markup:
    """Return a link with a button that copies it, and its QR code."""
    shown = tag("input", id="invite", class_="link", value=link, readonly=True, aria_label="Invite link")
    # Agents provide their links: one that a browser would execute is shown only as text.
    opens = tag("a", "Open", href=link, rel="noreferrer", target="_blank") if link.startswith("https://") else ""
    copy = tag("button", "Copy", type="button", data_copy="invite")
    return tag("div", joined(tag("div", shown, copy, opens, class_="row"), qr_code(link)), class_="invite")
