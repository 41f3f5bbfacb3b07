"""Finds what the statements of a file lose, break or hide, also in bodies, triggers, cascades and views. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from convos_infra.schema import (
    altered,
    builtin,
    dropped,
    implicit_calls,
    lasting,
    publications,
    routines,
    rows,
    sequences,
)
from convos_infra.schema.hazard import Hazard
from convos_infra.schema.known import UNKNOWN, Known
from convos_infra.schema.plain_statements import SAFE, single
from convos_infra.schema.rules import EXISTING_COLUMN, RULES
from convos_infra.schema.script import Statement
from convos_infra.schema.tree import inner, is_of_system, kind_of, strings, walk

if TYPE_CHECKING:
    from convos_infra.schema.altered import Found
    from convos_infra.schema.migration import MigrationFile
    from convos_infra.schema.routines import RoutineBody

_ONLY_DEFINES = frozenset({"create_function_stmt", "view_stmt", "rule_stmt", "create_trig_stmt", "prepare_stmt"})
_READS = frozenset(
    f"{one}_stmt"
    for one in (
        *("select", "insert", "update", "delete", "merge", "create_table_as", "copy", "explain"),
        *("declare_cursor", "call", "return", "plassign", "refresh_mat_view"),
    )
)
"""Statements that only read the relations that they name; the others change or describe them."""
_MADE_ONLY = frozenset({"CreateFunctionStmt", "ViewStmt", "RuleStmt"})
_DATA = {"DeleteStmt": "delete", "UpdateStmt": "update", "InsertStmt": "insert", "MergeStmt": "merge"}
_ACTS = frozenset({*_DATA, "TruncateStmt", "FuncCall", "RangeVar", *implicit_calls.CALLERS})
"""The parts of a tree that change or call something; the others only describe it."""
_OF_VALUES = frozenset({"update-all", "set-expression", "drop-expression"})
"""Rules about a column's values: a column that the same file adds has no earlier values."""
COMMIT = "COMMIT and ROLLBACK in a body would end the transaction that makes a migration whole"


@dataclass(frozen=True)
class _Place:
    """The place of a command.

    Attributes:
        line: the line in the file.
        is_plain: whether it is written in the file itself, outside of any body.
        is_hidden: whether a trigger or a rule runs it.
        through: what was followed to reach it: routines, views and events, so that a cycle ends.
    """

    line: int
    is_plain: bool = True
    is_hidden: bool = False
    through: frozenset[str] = frozenset()


@dataclass
class _File:
    """What is known about a file while its statements are read in order.

    Attributes:
        known: the known objects.
        made_again: the views and functions that the file creates.
        added: the columns that it has added so far, by table.
    """

    known: Known
    made_again: frozenset[str]
    added: set[tuple[str, str]] = field(default_factory=set)


def learn(migration: MigrationFile, known: Known) -> None:
    """Record the objects that an earlier file has created."""
    known.begin_file()
    for statement in migration.script.statements:
        known.learn(statement)
        if statement.kind == "do_stmt":
            for command in routines.of_block(statement).commands:
                if command.node is not None:
                    known.learn(Statement("", 0, 1, command.kind, command.node), is_plain=False)


def find(migration: MigrationFile, known: Known) -> list[Hazard]:
    """Return the changes that a file must allow explicitly, in order, each once per line.

    Args:
        migration: the file.
        known: the objects of the earlier files; the objects of this one are added.
    """
    known.begin_file()
    statements = migration.script.statements
    file = _File(known, frozenset(_made(statements, known)))
    found: dict[Hazard, None] = {}
    for statement in statements:
        place = _Place(statement.line)
        for one in _run(file, statement, place):
            found[one] = None
    return list(found)


def _made(statements: tuple[Statement, ...], known: Known) -> Iterator[str]:
    for one in statements:
        if one.kind == "view_stmt":
            yield known.relation(one.node.view)
        elif one.kind == "create_function_stmt":
            yield known.name(strings(one.node.funcname))
        elif one.kind == "create_table_as_stmt":
            yield known.relation(one.node.into.rel)


def _run(file: _File, statement: Statement, place: _Place) -> Iterator[Hazard]:
    """Return the findings of a statement and of everything that it runs; then record the objects that it created."""
    if statement.kind == "do_stmt":
        yield from _body(file, routines.of_block(statement), replace(place, is_plain=False), own_lines=True)
        return
    known = file.known
    if not place.is_plain:  # the others are checked with their text
        yield from _lasting(lasting.of_session(statement.kind, statement.node), place)
        yield from _lasting(lasting.of_history(statement.node), place)
    for rule, target in _found(file, statement.kind, statement.node):
        if not _is_own(file, rule, target):
            yield _finding(rule, target, place.line)
    if statement.kind not in _ONLY_DEFINES:
        yield from _reached(file, statement, place)
    if statement.kind == "alter_table_stmt":
        file.added |= set(rows.added(statement.node, known))
    known.learn(statement, is_plain=place.is_plain)


def _lasting(problem: lasting.Problem | None, place: _Place) -> Iterator[Hazard]:
    if problem is not None:
        yield Hazard("", "session", problem[0], place.line, problem[1])


def _finding(rule: str, target: str, line: int) -> Hazard:
    name, _, variant = rule.partition(" ")
    says = EXISTING_COLUMN.format(column=target.rpartition(".")[2]) if variant else RULES[name][1]
    return Hazard(name, target, says, line)


def _is_own(file: _File, rule: str, target: str) -> bool:
    """Tell whether an object was created by this file: only earlier data can be lost."""
    if rule in _OF_VALUES and tuple(target.rsplit(".", 1)) in file.added:
        return True
    return any(f"{target}.".startswith(f"{table}.") for table in file.known.made)


def _found(file: _File, kind: str, node: Any) -> Iterator[Found]:
    known = file.known
    yield from (("replica-identity", table) for table in publications.newly_broken(kind, node, known))
    if kind == "drop_stmt":
        yield from dropped.found(node, known, file.made_again)
    elif kind == "alter_table_stmt":
        yield from altered.found(node, known)
    elif kind in SAFE or kind in ("delete_stmt", "update_stmt", "insert_stmt", "merge_stmt"):
        return
    else:
        yield from single(kind, node, known)


def _reached(file: _File, statement: Statement, place: _Place) -> Iterator[Hazard]:
    """Return everything that a statement changes and calls, at any depth, with the consequences."""
    if statement.kind == "copy_stmt" and statement.node.is_from:
        yield from _fired(file, file.known.relation(statement.node.relation), "insert", place)
    if statement.kind == "insert_stmt" and rows.is_constant(statement.node):
        yield from _events(file, statement.node, "insert", place)
        return
    for name, node in (one for one in walk(statement.node, _MADE_ONLY) if one[0] in _ACTS):
        line = _line(statement, node, place)
        here = place if line == place.line else replace(place, line=line)
        if name in _DATA:
            yield from _events(file, node, _DATA[name], here)
        elif name == "TruncateStmt":
            for one in node.relations:
                yield from _fired(file, file.known.relation(one.range_var), "truncate", here)
        elif name == "FuncCall" and not sequences.is_of_new_sequence(node, file.known):
            yield from _set_config(node, here)
            yield from _called(file, strings(node.funcname), here)
        elif name == "RangeVar" and statement.kind in _READS:
            yield from _read_relation(file, file.known.relation(node), here)
        yield from _used(file, implicit_calls.used(name, node), here)


def _set_config(call: Any, place: _Place) -> Iterator[Hazard]:
    """Return the effects of a call of set_config."""
    yield from _lasting(lasting.of_call(call), place)
    if lasting.may_disable_triggers(call):
        yield _finding("disable-trigger", "all", place.line)


def _used(file: _File, used: list[str], place: _Place) -> Iterator[Hazard]:
    """Return the effects of the functions behind operators, casts and domains."""
    for called in [name for one in used for name in file.known.behind.get(one, ())]:
        yield from _called(file, called, place)


def _read_relation(file: _File, relation: str, place: _Place) -> Iterator[Hazard]:
    """Return the effects of reading a view: those of its query, and of the views in it."""
    query, key = file.known.views.get(relation), f"view {relation}"
    if query is not None and key not in place.through:
        inside = replace(place, is_plain=False, through=place.through | {key})
        yield from _reached(file, Statement("", 0, place.line, "select_stmt", query), inside)


def _line(statement: Statement, node: Any, place: _Place) -> int:
    if not place.is_plain or not hasattr(node, "location"):
        return place.line
    return statement.line_of(node.location)


def _events(file: _File, node: Any, event: str, place: _Place) -> Iterator[Hazard]:
    known = file.known
    if is_of_system(node.relation) and known.relation(node.relation) not in known.relations:
        yield _finding("unknown-statement", node.relation.relname, place.line)
    for rule, target in rows.found(node, event, known, is_hidden=place.is_hidden):
        if not _is_own(file, rule, target):
            yield _finding(rule, target, place.line)
    for table in rows.tables(known.relation(node.relation), known):
        for one in rows.events(node, event):
            yield from _fired(file, table, one, place)


def _fired(file: _File, table: str, event: str, place: _Place) -> Iterator[Hazard]:
    """Return the effects of a table's triggers and rules at an event, and those of tables behind its foreign keys."""
    known = file.known
    hidden = replace(place, is_plain=False, is_hidden=True)
    for trigger in list(known.fired(table, event)):
        yield from _called(file, trigger.function.split("."), hidden)
    key = f"{event} {table}"
    if key in place.through:
        return
    hidden = replace(hidden, through=hidden.through | {key})
    if event in ("insert", "update"):
        for name in known.defaults.get(table, []):
            yield from _called(file, name, hidden)
    for action in known.actions(table, event):
        yield from _run(file, Statement("", 0, place.line, kind_of(action), inner(action)), hidden)
    if event == "delete":
        for child in rows.cascades(table, known):
            yield from _fired(file, child, "delete", hidden)


def _called(file: _File, name: list[str], place: _Place) -> Iterator[Hazard]:
    known, last = file.known, name[-1]
    if last == "set_config":
        known.schema = UNKNOWN  # the call may have set search_path
    target, key = known.name(name), f"function {last}"
    if key not in place.through:
        inside = replace(place, is_plain=False, through=place.through | {key})
        for one in list(known.behind.get(key, ())):
            yield from _called(file, one, inside)
    if target in known.routines:
        if target in place.through:
            return
        inside = replace(place, is_plain=False, through=place.through | {target})
        for body in list(known.routines[target]):
            yield from _body(file, body, inside, own_lines=False)
    elif last in builtin.ENDS_THE_LOCK:
        yield Hazard("", last, f"{last} would end the lock that keeps other migrators out", place.line)
    elif last in builtin.RULES:
        yield _finding(builtin.RULES[last], last, place.line)
    elif (last not in builtin.names() and not known.behind.get(key)) or (
        len(name) > 1 and name[0] not in ("pg_catalog", "public")
    ):
        yield _finding("unknown-function", target, place.line)


def _body(file: _File, body: RoutineBody, place: _Place, *, own_lines: bool) -> Iterator[Hazard]:
    if body.unread:
        yield Hazard("unread-body", body.name, f"the body of {body.name} cannot be read: {body.unread}", place.line)
    for command in body.commands:
        here = replace(place, line=body.line + command.line - 1) if own_lines else place
        if command.kind == "dynamic":
            yield _finding("dynamic-sql", "execute", here.line)
        elif command.kind == "transaction":
            yield Hazard("", "commit", COMMIT, here.line)
        else:
            yield from _run(file, Statement("", 0, here.line, command.kind, command.node), here)
