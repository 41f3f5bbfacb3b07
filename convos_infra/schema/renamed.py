"""Renames a table, view or column in the known objects: its triggers, rules, foreign keys and columns follow. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from convos_infra.schema.known import Known

_Kept = TypeVar("_Kept")


def relation(known: Known, old: str, new: str) -> None:
    """Rename a table, a view or a sequence, or move it to another schema.

    Args:
        known: the known objects; modified.
        old: its name, in our notation.
        new: its new name.
    """
    if old == new:
        return
    _move(known.columns, old, new)
    _move(known.checks, old, new)
    _move(known.triggers, old, new)
    _move(known.references, old, new)
    _move(known.rules, old, new)
    for key, trigger in known.triggers.items():
        if trigger.table == old:
            known.triggers[key] = replace(trigger, table=new)
    for key, one in known.references.items():
        child, parent = (new if name == old else name for name in (one.child, one.parent))
        known.references[key] = replace(one, child=child, parent=parent)
    known.publications.rename(old, new)
    known.required = {(new if table == old else table, column) for table, column in known.required}
    if old in known.views:
        known.views[new] = known.views.pop(old)
    if old in known.defaults:
        known.defaults[new] += known.defaults.pop(old)
    known.relations = known.relations - {old} | {new}
    # An object that existed before the file still exists, even if its name was created and renamed by the file.
    known.made -= {old, new}


def column(known: Known, table: str, old: str, new: str) -> None:
    """Rename a column.

    Args:
        known: the known objects; modified.
        table: its table.
        old: its name.
        new: its new name.
    """
    if (table, old) in known.columns:
        known.columns[table, new] = known.columns.pop((table, old))
    if (table, old) in known.required:
        known.required = known.required - {(table, old)} | {(table, new)}
    for key, (of, is_valid) in known.checks.items():
        if key[0] == table and of == old:
            known.checks[key] = (new, is_valid)


def _move(kept: dict[tuple[str, str], _Kept], old: str, new: str) -> None:
    for key in [key for key in kept if key[0] == old]:
        kept[new, key[1]] = kept.pop(key)
