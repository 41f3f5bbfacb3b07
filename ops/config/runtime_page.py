"""The table of variables in docs/runtime.md, from the declaration of the keys. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ops.config.marked_table import with_table

if TYPE_CHECKING:
    from pool_contract.key_declaration import InRuntime, KeyDeclaration


def written(page: str, declarations: Iterable[KeyDeclaration]) -> str:
    """Return the page with the table between its two marks; without the marks, the page is returned unchanged."""
    return with_table(page, "".join(_lines(declarations)))


def _lines(declarations: Iterable[KeyDeclaration]) -> Iterator[str]:
    yield "| Variable | Secret | Without it | Description |\n|---|---|---|---|\n"
    for declared in declarations:
        if declared.runtime is not None:
            description = (declared.runtime.description or declared.description).replace("|", "\\|")
            secret = "yes" if declared.secret else "no"
            yield f"| `{declared.name}` | {secret} | {_without(declared.runtime)} | {description} |\n"


def _without(runtime: InRuntime) -> str:
    if runtime.generated is not None:
        return "made at the first start"
    if runtime.required:
        return "does not work"
    return f"`{runtime.default}`" if runtime.default else ""
