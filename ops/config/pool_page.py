"""The table of variables in docs/pool.md, from the declaration of the keys. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ops.config.configuration_page import allowed_text, default_text, table
from ops.config.marked_table import with_table
from pool_contract.agent_variables import API_KEY

if TYPE_CHECKING:
    from pool_contract.key_declaration import KeyDeclaration

_HEAD = ("Variable", "Use", "Secret", "Required", "Default", "Allowed", "Description")


def written(page: str, declarations: Iterable[KeyDeclaration]) -> str:
    """Return the page with the table between its two marks; without the marks, the page is returned unchanged."""
    rows = "".join(table(_HEAD, (_row(one) for one in read_by_pool(declarations))))
    return with_table(page, rows.lstrip())


def read_by_pool(declarations: Iterable[KeyDeclaration]) -> Iterator[KeyDeclaration]:
    """Yield the variables that the pool manager reads, required ones first; not those that it makes itself."""
    yield from sorted((one for one in declarations if one.set_by != "pool"), key=lambda one: not one.required)


def _row(declared: KeyDeclaration) -> tuple[str, ...]:
    uses = {"pool": "own", "agents": "handed on", "both": "own, handed on"}
    return (
        f"`{declared.name}`",
        "own" if declared.name == API_KEY else uses[declared.given_to],
        "yes" if declared.secret else "no",
        "yes" if declared.required else "no",
        default_text(declared),
        allowed_text(declared),
        declared.description,
    )
