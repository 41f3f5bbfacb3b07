"""A rollout's plan as a table: each agent with its batch, or unchanged. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ops.status.report import short

Row = tuple[str, str, str, str, str]
HEAD: Row = ("agent", "state", "batch", "from", "to")
STAYS = "stays"
NEW = "new"


def rows(plan: Mapping[str, Any], living: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return a row for each agent: first those that move, in the order of their batches.

    Args:
        plan: the pool manager's answer to `POST /api/pool/rollout/plan`.
        living: `agents` of its status.
    """
    states = {str(agent["id"]): str(agent["state"]) for agent in living}
    found: list[Row] = []
    moved = set()
    for batch in plan.get("batches") or []:
        number = str(batch["batch"])
        if batch["surge"]:
            found.append((f"{batch['surge']} agents", NEW, f"before {number}", "-", short(str(plan["image"]))))
        for move in batch["agents"]:
            moved.add(move["id"])
            found.append((move["id"], states.get(move["id"], "-"), number, short(move["from"]), short(move["to"])))
    found += [
        (str(agent["id"]), str(agent["state"]), "-", short(str(agent["image"])) or "-", STAYS)
        for agent in living
        if agent["id"] not in moved
    ]
    return found


def lines(plan: Mapping[str, Any], living: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the plan for people: the pool manager's own first line, then the table."""
    head = [str(line) for line in (plan.get("lines") or [])[:1]]
    table = rows(plan, living)
    return [*head, *(["", *columns([HEAD, *table])] if table else [])]


def columns(table: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines, each column as wide as its widest cell."""
    widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]
    return ["  ".join(f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)).rstrip() for row in table]
