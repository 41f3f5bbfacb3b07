"""Finds what an ALTER TABLE loses or breaks, command by command. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.schema.column_type import ColumnType, column_type
from convos_infra.schema.sequences import repeats_numbers
from convos_infra.schema.tree import SERIAL_TYPES, definition, kind_of, strings, word

if TYPE_CHECKING:
    from convos_infra.schema.known import Known

Found = tuple[str, str]
"""A rule and its object."""
_TYPE = "OBJECT_TYPE"
_FILLS = frozenset({"CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED"})
_NOTHING = "n"
"""REPLICA IDENTITY NOTHING (pg_class.relreplident)."""
_WIDER = {
    "int2": {"int4", "int8", "numeric"},
    "int4": {"int8", "numeric"},
    "int8": {"numeric"},
    "float4": {"float8"},
    "varchar": {"text"},
    "date": {"timestamp"},
    "cidr": {"inet"},
    "json": {"text"},
}
"""For each type, the types that can hold all of its values, without a number in parentheses."""
_BY_TABLE = {
    "AT_SetUnLogged": "set-unlogged",
    "AT_EnableRowSecurity": "row-security",
    "AT_DisableRowSecurity": "row-security",
    "AT_ForceRowSecurity": "row-security",
    "AT_NoForceRowSecurity": "row-security",
    "AT_ChangeOwner": "change-owner",
    "AT_DisableTrig": "disable-trigger",
    "AT_DisableTrigAll": "disable-trigger",
    "AT_DisableTrigUser": "disable-trigger",
    "AT_DisableRule": "disable-trigger",
    "AT_DropInherit": "no-inherit",
    "AT_GenericOptions": "setting",
    "AT_AlterColumnGenericOptions": "setting",
}
"""By command: the rule that it falls under, whose object is the table."""
_SAFE_COMMANDS = (
    "AddColumnToView ColumnDefault CookedColumnDefault DropNotNull SetStatistics"
    " SetOptions ResetOptions SetStorage SetCompression AddIndex AddConstraint AlterConstraint ValidateConstraint"
    " AddIndexConstraint DropConstraint ClusterOn DropCluster SetLogged SetAccessMethod SetTableSpace SetRelOptions"
    " ResetRelOptions ReplaceRelOptions EnableTrig EnableAlwaysTrig EnableReplicaTrig EnableTrigAll EnableTrigUser"
    " EnableRule EnableAlwaysRule EnableReplicaRule AddInherit AddOf DropOf AttachPartition"
    " AddIdentity"
)
_SAFE = frozenset(f"AT_{one}" for one in _SAFE_COMMANDS.split())


def found(node: Any, known: Known) -> Iterator[Found]:
    """Return what an ALTER TABLE, or an ALTER of a type, a view or a foreign table, loses or breaks."""
    table = known.relation(node.relation)
    for one in node.cmds:
        command = one.alter_table_cmd
        yield from _command(word(node, "objtype"), table, command, known)
        if word(command, "behavior") == "DROP_CASCADE" and word(command, "subtype").startswith("AT_Drop"):
            yield "cascade", table


def _command(objects: str, table: str, command: Any, known: Known) -> Iterator[Found]:
    what = word(command, "subtype")
    if what in _SAFE:
        return
    if what in _BY_TABLE:
        yield _BY_TABLE[what], table
    elif what in _ONE_BY_ONE:
        yield from _ONE_BY_ONE[what](table, command, known, objects)
    else:
        yield "unknown-statement", f"{table}.{what.removeprefix('AT_')}"


def _drop_column(table: str, command: Any, _: Known, objects: str) -> Iterator[Found]:
    yield "drop-attribute" if objects == _TYPE else "drop-column", f"{table}.{command.name}"


def _change_type(table: str, command: Any, known: Known, objects: str) -> Iterator[Found]:
    if objects == _TYPE:
        yield "alter-attribute", f"{table}.{command.name}"
    elif not _is_wider(known.columns.get((table, command.name)), definition(command).column_def):
        yield "change-type", f"{table}.{command.name}"


def _add_column(table: str, command: Any, _: Known, objects: str) -> Iterator[Found]:
    if objects != _TYPE and _is_required_and_empty(definition(command).column_def):
        yield "set-not-null", f"{table}.{definition(command).column_def.colname}"


def _set_not_null(table: str, command: Any, known: Known, _: str) -> Iterator[Found]:
    if not known.is_proven(table, command.name):
        yield "set-not-null existing", f"{table}.{command.name}"


def _detach(_: str, command: Any, known: Known, __: str) -> Iterator[Found]:
    yield "detach-partition", known.relation(definition(command).partition_cmd.name)


def _set_identity(table: str, command: Any, _: Known, __: str) -> Iterator[Found]:
    if repeats_numbers(definition(command).list.items):
        yield "restart-sequence", f"{table}.{command.name}"


def _drop_expression(table: str, command: Any, _: Known, __: str) -> Iterator[Found]:
    yield "drop-expression", f"{table}.{command.name}"


def _set_expression(table: str, command: Any, _: Known, __: str) -> Iterator[Found]:
    yield "set-expression", f"{table}.{command.name}"


def _drop_identity(table: str, command: Any, _: Known, __: str) -> Iterator[Found]:
    yield "drop-identity", f"{table}.{command.name}"


def _replica_identity(table: str, command: Any, _: Known, __: str) -> Iterator[Found]:
    if definition(command).replica_identity_stmt.identity_type == _NOTHING:
        yield "replica-identity", table


_ONE_BY_ONE: Mapping[str, Callable[[str, Any, Known, str], Iterator[Found]]] = {
    "AT_DropColumn": _drop_column,
    "AT_AlterColumnType": _change_type,
    "AT_AddColumn": _add_column,
    "AT_SetNotNull": _set_not_null,
    "AT_DetachPartition": _detach,
    "AT_DetachPartitionFinalize": _detach,
    "AT_DropIdentity": _drop_identity,
    "AT_SetIdentity": _set_identity,
    "AT_DropExpression": _drop_expression,
    "AT_SetExpression": _set_expression,
    "AT_ReplicaIdentity": _replica_identity,
}


def _is_required_and_empty(column: Any) -> bool:
    kinds = {word(one.constraint, "contype") for one in column.constraints}
    is_required = bool(kinds & {"CONSTR_NOTNULL", "CONSTR_PRIMARY"})
    return is_required and not kinds & _FILLS and strings(column.type_name.names)[-1] not in SERIAL_TYPES


def _is_wider(old: ColumnType | None, column: Any) -> bool:
    """Tell whether the new type holds each value of the old one unchanged; False if the old type is unknown."""
    new = column_type(column.type_name)
    if kind_of(column.raw_default):  # USING may be any expression
        return False
    if new == ColumnType("text"):
        return True
    if old is None or old.name.endswith("[]") or new.name.endswith("[]"):
        return False
    if old.name == new.name:
        return _holds(old, new)
    return new.name in _WIDER.get(old.name, ()) and not new.numbers


def _holds(old: ColumnType, new: ColumnType) -> bool:
    if not new.numbers:
        return old.name not in ("bpchar", "bit") or old == new
    if not old.numbers:
        return False
    if new.name == "numeric":
        digits, scale = (*old.numbers, 0)[:2]
        new_digits, new_scale = (*new.numbers, 0)[:2]
        return new_scale >= scale and new_digits - new_scale >= digits - scale
    is_padded = new.name in ("bpchar", "bit", "interval")
    return old == new or (not is_padded and new.numbers >= old.numbers)
