"""The acceptance matrix: every resource of Railway by every check, and the tests that show it. Pure but for imports."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from convos_infra.railway import resources
from convos_infra.railway.session import RailwayProvider

CHECKS = {
    "basic": "made, with an id",
    "second up": "a second update asks for nothing",
    "each attribute": "set, read back, taken out again",
    "adopt": "taken over, nothing sent",
    "disappears": "removed by somebody: gone, and made again once",
    "parent disappears": "goes with its environment or project",
    "drift": "changed by somebody: shown, with the way back",
    "replace": "replaced only where Railway cannot change it in place",
    "destroy": "deleted, by the API's own word",
    "upgrade": "a state of an older release is updated and destroyed",
    "failed read": "an error, never a deletion",
    "foreign token": "reads nothing, empties no state",
    "unknown outcome": "a mutation whose answer is lost happens once",
}
_WAIT = "it waits, and makes nothing"
_PART = "it has no end of its own: it goes with its parent, and what is left of it is drift"
_RESOURCES = "convos_infra.railway.resources."
"""Others ask Railway, and have nothing on it: a secret, the gate of a destroy."""
_YOUNG = "younger than the last recorded release"
_FAULTS = "`make faults`: every request of create, update and destroy"
NOT_HERE: Mapping[tuple[str, str], str] = {
    ("Project", "parent disappears"): "it has none",
    ("Project", "unknown outcome"): _FAULTS,
    ("Environment", "unknown outcome"): _FAULTS,
    ("ServiceInstance", "disappears"): _PART,
    ("ServiceInstance", "destroy"): _PART,
    ("SharedVariables", "disappears"): _PART,
    ("TcpProxy", "each attribute"): "its port is its identity",
    ("TcpProxy", "drift"): "nothing of it changes in place",
    ("CustomDomain", "upgrade"): _YOUNG,
    ("ProjectToken", "upgrade"): _YOUNG,
    ("ProjectToken", "adopt"): "its value is shown once: one that nobody knows is made again",
    ("ProjectToken", "each attribute"): "nothing of it changes in place",
    ("ProjectToken", "drift"): "nothing of it changes in place",
    **{("Deployment", check): _WAIT for check in ("each attribute", "adopt", "disappears", "drift", "destroy")},
    ("Deployment", "unknown outcome"): _WAIT,
}
"""Cells that no test fills, and why."""


@dataclass(frozen=True, order=True)
class Shown:
    """One case of a test that fills a cell.

    Attributes:
        resource, check: the cell.
        test: `file::function`.
        case: the parameters' id.
    """

    resource: str
    check: str
    test: str
    case: str


def kinds() -> list[str]:
    """Return every resource of Railway, by its provider's name."""
    for module in pkgutil.iter_modules(resources.__path__):
        importlib.import_module(f"{resources.__name__}.{module.name}")
    found = [kind for kind in RailwayProvider.__subclasses__() if kind.__module__.startswith(_RESOURCES)]
    return sorted(kind.__name__.removesuffix("Provider") for kind in found)


def gaps(shown: Iterable[Shown]) -> Iterator[str]:
    """Yield what is wrong: cells that nothing fills, reasons of cells that are filled, and names that there are not."""
    filled = {(row.resource, row.check) for row in shown}
    every = {(kind, check) for kind in kinds() for check in CHECKS}
    for kind, check in sorted(every - filled - NOT_HERE.keys()):
        yield f"{kind}: no test shows {check!r}"
    for kind, check in sorted(filled & NOT_HERE.keys()):
        yield f"{kind}: {check!r} is filled, and has a reason why it is not"
    for kind, check in sorted((filled | NOT_HERE.keys()) - every):
        yield f"{kind}: {check!r} is no cell"


def page(shown: Iterable[Shown], known: Iterable[tuple[Shown, str]] = ()) -> str:
    """Return the page, in Markdown.

    Args:
        shown: what fills the cells.
        known: what does not hold yet, and why.
    """
    rows = sorted(set(shown))
    tests = sorted({row.test for row in rows})
    names = {test: f"t{number}" for number, test in enumerate(tests, 1)}
    reasons = sorted(set(NOT_HERE.values()))
    notes = {reason: f"n{number}" for number, reason in enumerate(reasons, 1)}
    filled = {(row.resource, row.check) for row in rows}

    def cell(kind: str, check: str) -> str:
        mine = [row for row in rows if (row.resource, row.check) == (kind, check)]
        counted = {name: sum(names[row.test] == name for row in mine) for name in sorted({names[r.test] for r in mine})}
        if mine:
            return ", ".join(f"{name} x{count}" if count > 1 else name for name, count in counted.items())
        return f"({notes[NOT_HERE[kind, check]]})" if (kind, check) in NOT_HERE else "**missing**"

    lines = ["# Acceptance matrix", "", "Written by `make matrix` from the tests that passed; never by hand.", ""]
    lines += [f"{len(filled)} cells of {len(kinds()) * len(CHECKS)} are filled, {len(NOT_HERE)} cannot be.", ""]
    lines += [f"| resource | {' | '.join(CHECKS)} |", f"| --- |{' --- |' * len(CHECKS)}"]
    lines += [f"| {kind} | {' | '.join(cell(kind, check) for check in CHECKS)} |" for kind in kinds()]
    lines += ["", "`t1 x18`: 18 cases of the test.", ""]
    lines += [f"Does not hold yet: {row.resource}, {row.check} ({row.case}): {why}.\n" for row, why in sorted(known)]
    lines += [f"- **{check}**: {what}" for check, what in CHECKS.items()]
    lines += ["", *(f"- {names[test]}: `{test}`" for test in tests)]
    lines += ["", *(f"- {notes[reason]}: {reason}" for reason in reasons)]
    return "\n".join(lines) + "\n"
