"""The page of the ledger: the calls that the emulator received, and what each one caused, with a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from emulator.console.markup import Markup, joined, link, table, tag
from emulator.console.shell import Visitor, document

MOST_SHOWN = 200
OUTCOMES = ("", "error", "fault", "fine")
_HEAD = ("No.", "Time", "Operation", "Type", "Client", "Took", "Answer", "Outcome", "Deployments")


@dataclass(frozen=True)
class CallFilter:
    """The filter of the page of calls.

    Attributes:
        operation: a part of the operation's name, in any case.
        client: a part of the client's name, in any case.
        outcome: one of OUTCOMES; empty for any.
        deploys: whether only those that caused a deployment are shown.
    """

    operation: str = ""
    client: str = ""
    outcome: str = ""
    deploys: bool = False

    def passes(self, call: Mapping[str, Any]) -> bool:
        """Tell whether a call is shown."""
        return (
            self.operation.lower() in ", ".join([call["operation"], *call["fields"]]).lower()
            and self.client.lower() in call["client"].lower()
            and self.outcome in ("", _outcome(call))
            and (bool(call["deployments"]) or not self.deploys)
        )


def chosen(given: Mapping[str, str]) -> CallFilter:
    """Return the filter from a page's query string; unknown parameters are ignored."""
    outcome = given.get("outcome", "")
    return CallFilter(
        given.get("operation", "").strip()[:80],
        given.get("client", "").strip()[:80],
        outcome if outcome in OUTCOMES else "",
        given.get("deploys", "") == "on",
    )


def calls(visitor: Visitor, every: Sequence[Mapping[str, Any]], asked: CallFilter) -> str:
    """Return the page, newest call first.

    Args:
        visitor: the person who requests the page.
        every: the ledger, oldest first.
        asked: the filter.
    """
    found = [call for call in reversed(every) if asked.passes(call)]
    shown = found[:MOST_SHOWN]
    counted = f"{len(found)} of {len(every)} calls" + (f", the newest {MOST_SHOWN}" if len(found) > len(shown) else "")
    listed = table("Calls", _HEAD, (_row(call) for call in shown))
    return document("Calls", visitor, joined(_form(asked), tag("p", counted, role="status"), listed), of="calls")


def _outcome(call: Mapping[str, Any]) -> str:
    return "fault" if call["fault"] else "error" if call["error"] else "fine"


def _row(call: Mapping[str, Any]) -> Sequence[str]:
    at = datetime.fromtimestamp(call["at"], UTC)
    trouble = ": ".join(filter(None, [call["fault"], call["error"]]))
    made = [joined(link(f"/console/deployments/{id_}", id_[:8]), " ") for id_ in call["deployments"]]
    return [
        str(call["index"]),
        f"{at:%H:%M:%S}.{at.microsecond // 1000:03}",
        ", ".join(call["fields"]) or call["operation"] or "-",
        call["type"],
        call["client"] or "-",
        f"{call['seconds'] * 1000:.0f} ms",
        f"{call['bytes']:,} B",
        tag("span", trouble, class_="bad") if trouble else "-",
        joined(*made) if made else "-",
    ]


def _form(asked: CallFilter) -> Markup:
    words = {"": "any", "error": "an error", "fault": "a planted fault", "fine": "no error"}
    options = [tag("option", words[name], value=name, selected=name == asked.outcome) for name in OUTCOMES]
    return tag(
        "form",
        tag("label", "Operation", for_="operation"),
        tag("input", id="operation", name="operation", type="search", value=asked.operation),
        tag("label", "Client", for_="client"),
        tag("input", id="client", name="client", type="search", value=asked.client),
        tag("label", "Outcome", for_="outcome"),
        tag("select", *options, id="outcome", name="outcome"),
        tag(
            "label",
            tag("input", type="checkbox", name="deploys", checked=asked.deploys),
            " Only those that caused a deployment",
        ),
        tag("button", "Filter"),
        class_="filter",
        method="get",
        action="/console/calls",
        role="search",
    )
