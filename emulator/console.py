"""The page at `/`: what a person wants to see of a local Railway."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from emulator import admin

if TYPE_CHECKING:
    from emulator.api.request import World

_HEAD = ("project", "environment", "service", "status", "image", "run as", "address")
_KEYS = ("project", "environment", "service", "status", "image", "mode", "address")
_STYLE = "body{font:15px system-ui;margin:2rem}td,th{padding:.3rem .8rem;text-align:left;border-bottom:1px solid #ddd}"


def page(world: World) -> str:
    """Return the page as HTML."""
    rows = admin.where(world)["services"]
    body = "".join("<tr>" + "".join(_cell(row.get(key)) for key in _KEYS) + "</tr>" for row in rows)
    head = "".join(f"<th>{name}</th>" for name in _HEAD)
    table = f"<table><tr>{head}</tr>{body}</table>" if rows else "<p>Nothing runs.</p>"
    return (
        "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=5><title>Railway emulator</title>"
        f"<style>{_STYLE}</style><h1>Railway emulator</h1>"
        "<p>A local stand-in for Railway's API, not Railway. <code>simulated</code> runs are looked at, not run.</p>"
        f"{table}"
    )


def _cell(value: object) -> str:
    text = escape(str(value or "-"))
    if text.startswith("127.0.0.1:"):
        return f'<td><a href="http://{text}">{text}</a></td>'
    return f"<td>{text}</td>"
