"""Finds what would outlive a migration's transaction, and what changes the history of migrations. Pure."""

from __future__ import annotations

from typing import Any

from convos_infra.schema.history import TABLE
from convos_infra.schema.tree import kind_of, strings, walk, word

Problem = tuple[str, str]
"""What a statement does, and what to do instead."""
_SESSION = {"listen_stmt", "unlisten_stmt", "load_stmt", "discard_stmt", "prepare_stmt", "deallocate_stmt"}
_SET_FOR_GOOD = ("set_config without is_local would outlive the migration", "write SET LOCAL")
_SETTINGS = "pg_settings"
"""An UPDATE of this view is a set_config without is_local (system_views.sql: the rule pg_settings_u)."""
_HISTORY = (f"touches {TABLE}, the history of migrations", "leave it to the runner")
WITHOUT_TRIGGERS = "session_replication_role"
"""The setting that turns triggers and foreign keys off."""


def of_session(kind: str, node: Any) -> Problem | None:
    """Return the problem of a statement that changes the session beyond the transaction; None for any other."""
    if kind == "variable_set_stmt":
        if word(node, "kind") in ("VAR_RESET", "VAR_RESET_ALL"):
            return "RESET would outlive the migration", "remove it"
        if not node.is_local and node.name != "TRANSACTION":
            return "SET would outlive the migration", "write SET LOCAL"
    if kind in _SESSION:
        return f"{kind.removesuffix('_stmt').upper()} would outlive the migration", "remove it"
    if kind == "update_stmt" and node.relation.relname == _SETTINGS:
        return f"UPDATE {_SETTINGS} would outlive the migration", "write SET LOCAL"
    return None


def of_call(call: Any) -> Problem | None:
    """Return the problem of a call of set_config that changes the session beyond the transaction."""
    if strings(call.funcname)[-1:] != ["set_config"]:
        return None
    local = call.args[2].a_const if len(call.args) > 2 else None
    is_local = local is not None and local.HasField("boolval") and local.boolval.boolval
    return None if is_local else _SET_FOR_GOOD


def may_disable_triggers(call: Any) -> bool:
    """Tell whether a call of set_config may turn triggers off: it sets that setting, or one that is not a constant."""
    if strings(call.funcname)[-1:] != ["set_config"] or not call.args:
        return False
    name = call.args[0]
    return kind_of(name) != "a_const" or name.a_const.sval.sval.lower() == WITHOUT_TRIGGERS


def of_history(node: Any, text: str = "") -> Problem | None:
    """Return the problem of a statement that names the history.

    Args:
        node: its parse tree.
        text: its text, if it is known: most of them cannot contain the name, so their trees are not read.
    """
    if text and TABLE not in text.lower() and "u&" not in text.lower():
        return None
    for name, one in walk(node):
        if (name == "RangeVar" and one.relname == TABLE) or (name == "String" and one.sval == TABLE):
            return _HISTORY
    return None
