"""The page of a stack as one HTML file that can be attached to an incident: `make status STACK=… HTML=file`. Pure.

It loads nothing and runs nothing, wherever it is opened: its policy allows its own style sheet alone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

from ops.printable import escaped
from ops.status.headline import headline, to_look_at
from ops.status.rows import Row, Tone, rows
from ops.status.source import stamp

if TYPE_CHECKING:
    from datetime import datetime

    from ops.status.report import Report

_STYLE = """
:root { color-scheme: light dark; --text: #1b1d21; --soft: #565b66; --page: #f6f7f9; --card: #ffffff; --line: #d3d7de;
  --good: #166534; --bad: #b91c1c; --link: #1d4ed8; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8eaee; --soft: #a9b0bc; --page: #14161a; --card: #1d2026; --line: #383d47;
    --good: #7ddc9a; --bad: #ff9a94; --link: #8ab4ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; padding: 1rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.4rem; overflow-wrap: anywhere; }
h2 { margin: 0 0 .5rem; font-size: 1.05rem; }
p { margin: .3rem 0 1rem; color: var(--soft); }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.verdict { color: var(--good); font-weight: 700; }
.bad .verdict, .red { color: var(--bad); font-weight: 700; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem;
  margin-bottom: 1rem; }
section.bad { border: 2px solid var(--bad); }
ul { margin: 0; padding-left: 1.2rem; }
li, dd { overflow-wrap: anywhere; }
dl { margin: 0; }
dl > div { display: grid; grid-template-columns: 12rem 1fr; gap: .1rem .8rem; padding: .4rem 0;
  border-top: 1px solid var(--line); }
dl > div:first-child { border-top: 0; }
dt { font-weight: 600; overflow-wrap: anywhere; }
dd { grid-column: 2; margin: 0; }
.bold { font-weight: 700; }
.source { color: var(--soft); font-size: .85rem; }
@media (max-width: 45rem) { body { padding: .6rem; } dl > div { grid-template-columns: 1fr; } dd { grid-column: 1; } }
@media print { body { max-width: none; } section { break-inside: avoid; } }
"""


def html_page(report: Report, at: datetime) -> str:
    """Return the page.

    Args:
        report: what was read.
        at: when the reading began.
    """
    table = rows(report)
    verdict = headline(report, table)
    root = Element("html", lang="en")
    _head(SubElement(root, "head"), f"{report.stack}: {verdict}")
    body = SubElement(root, "body")
    header = SubElement(body, "header", {"class": "good" if report.is_fine else "bad"})
    SubElement(header, "h1").text = escaped(f"Stack {report.stack}")
    SubElement(header, "p", {"class": "verdict"}).text = escaped(verdict[:1].upper() + verdict[1:])
    SubElement(header, "p").text = f"Read at {stamp(at)} by make status. All times are in UTC."
    main = SubElement(body, "main")
    found = [] if report.is_fine else to_look_at(table)
    if found:
        _to_look_at(main, found, table)
    _table(main, table[1:])
    return f"<!doctype html>\n{tostring(root, encoding='unicode', method='html')}\n"


def _head(head: Element, title: str) -> None:
    SubElement(head, "meta", charset="utf-8")
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    SubElement(head, "link", rel="icon", href="data:,")
    SubElement(head, "title").text = escaped(title)
    SubElement(head, "style").text = _STYLE


def _to_look_at(main: Element, found: Sequence[tuple[str, Row]], table: Sequence[Row]) -> None:
    section = SubElement(main, "section", {"class": "bad"})
    SubElement(section, "h2").text = "To look at"
    listed = SubElement(section, "ul")
    for label, row in found:
        item = SubElement(listed, "li")
        link = SubElement(item, "a", href=f"#{_anchor(table, row)}")
        link.text = escaped(label)
        link.tail = f": {escaped(row.text)}"


def _anchor(table: Sequence[Row], row: Row) -> str:
    return f"row-{next(place for place, one in enumerate(table) if one is row)}"


def _table(main: Element, table: Sequence[Row]) -> None:
    section = SubElement(main, "section")
    SubElement(section, "h2").text = "All rows"
    listed = SubElement(section, "dl")
    for group in _groups(table):
        part = SubElement(listed, "div")
        SubElement(part, "dt").text = escaped(group[0][1].label)
        for place, row in group:
            said = SubElement(part, "dd", id=f"row-{place}")
            text = SubElement(said, "span", {"class": row.tone.value}) if row.tone is not Tone.PLAIN else said
            text.text = escaped(row.text)
        for _, row in group:
            if row.source:
                SubElement(part, "dd", {"class": "source"}).text = escaped(row.source)


def _groups(table: Sequence[Row]) -> Iterator[list[tuple[int, Row]]]:
    """Yield the rows of each part, with their places on the whole page, which begins with the stack's name."""
    group: list[tuple[int, Row]] = []
    for place, row in enumerate(table, start=1):
        if row.label and group:
            yield group
            group = []
        group.append((place, row))
    if group:
        yield group
