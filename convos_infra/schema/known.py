"""The objects of a database after the migrations so far, as far as the guards need them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convos_infra.schema import implicit_calls, renamed, routines
from convos_infra.schema.column_type import ColumnType, column_type, type_name
from convos_infra.schema.implicit_calls import calls
from convos_infra.schema.publications import Publications
from convos_infra.schema.tree import definition, dotted, inner, kind_of, named, strings, word

if TYPE_CHECKING:
    from convos_infra.schema.cursors import Queries
    from convos_infra.schema.routines import RoutineBody
    from convos_infra.schema.script import Statement

_BITS = {"insert": 4, "delete": 8, "update": 16, "truncate": 32}
"""The bits of a trigger's events: postgres/src/include/catalog/pg_trigger.h."""
_TEMPORARY = "t"
RELATIONS = frozenset({"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE", "OBJECT_SEQUENCE"})
UNKNOWN = "?"
"""A schema that only the server knows: an object that is created in it is never taken for one of `public`."""


@dataclass(frozen=True)
class Trigger:
    """A trigger: its table, the events that fire it, and its function."""

    table: str
    events: frozenset[str]
    function: str


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key: if rows of `parent` are deleted, rows of `child` are deleted or lose their value."""

    child: str
    parent: str
    on_delete: str


@dataclass
class Known:
    """The objects that exist after the statements read so far; names are in our notation, without `public`.

    Attributes:
        schema: the first one of the search_path, in which a new object without a schema is created.
        routines: by name, the bodies of functions and procedures; one for each overloading.
        triggers, rules: by table and name.
        references: foreign keys, by table and name.
        columns: types, by table and column.
        required: the columns that are never NULL.
        checks: by table and name, the column of each CHECK (column IS NOT NULL), and whether it is validated.
        views: their queries, materialized views included.
        relations: tables, views, sequences and the like.
        defaults: by table, the functions that an INSERT or UPDATE calls implicitly.
        behind: the functions that an operator, a cast, a type or another function calls implicitly.
        temporary, made: what the current file has created; `temporary` are tables.
        is_plain: whether the current statement is in the file itself, so that it certainly runs.
    """

    schema: str = "public"
    routines: dict[str, list[RoutineBody]] = field(default_factory=lambda: defaultdict(list))
    triggers: dict[tuple[str, str], Trigger] = field(default_factory=dict)
    references: dict[tuple[str, str], ForeignKey] = field(default_factory=dict)
    columns: dict[tuple[str, str], ColumnType] = field(default_factory=dict)
    required: set[tuple[str, str]] = field(default_factory=set)
    checks: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)
    views: dict[str, Any] = field(default_factory=dict)
    rules: dict[tuple[str, str], tuple[str, list[Any]]] = field(default_factory=dict)
    relations: set[str] = field(default_factory=set)
    defaults: dict[str, list[list[str]]] = field(default_factory=lambda: defaultdict(list))
    behind: dict[str, list[list[str]]] = field(default_factory=lambda: defaultdict(list))
    temporary: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    cursors: dict[str, Queries] = field(default_factory=dict)
    publications: Publications = field(default_factory=Publications)
    is_plain: bool = True

    def begin_file(self) -> None:
        """Forget everything that lives only as long as a file's transaction."""
        self.schema = "public"
        self.made, self.temporary, self.cursors = set(), set(), {}

    def relation(self, range_var: Any) -> str:
        """Return the name of a relation."""
        return self.name([one for one in (range_var.schemaname, range_var.relname) if one])

    def name(self, parts: list[str]) -> str:
        """Return an object's name: a temporary table hides others of its name, and a search_path sets the schema."""
        parts = parts[-2:]
        if len(parts) == 1:
            if parts[0] in self.temporary:
                return f"pg_temp.{parts[0]}"
            inside, outside = dotted([self.schema, parts[0]]), parts[0]
            return outside if inside not in self.relations and outside in self.relations else inside
        return dotted(parts)

    def new(self, range_var: Any) -> str:
        """Return the name of a new relation: without a schema, it is in the first one of the search_path."""
        if range_var.schemaname or range_var.relname in self.temporary:
            return self.relation(range_var)
        return dotted([self.schema, range_var.relname])

    def fired(self, table: str, event: str) -> Iterator[Trigger]:
        """Return the triggers that an event on a table fires."""
        yield from (one for one in self.triggers.values() if one.table == table and event in one.events)

    def actions(self, table: str, event: str) -> list[Any]:
        """Return the actions of a table's rules at an event."""
        found = [actions for (of, _), (when, actions) in self.rules.items() if (of, when) == (table, event)]
        return [one for actions in found for one in actions if kind_of(one)]

    def is_proven(self, table: str, column: str) -> bool:
        """Tell whether a validated CHECK (column IS NOT NULL) exists, with which SET NOT NULL needs no scan."""
        return any(of == table and one == (column, True) for (of, _), one in self.checks.items())

    def learn(self, statement: Statement, *, is_plain: bool = True) -> None:
        """Record the objects that a statement creates or drops.

        Args:
            statement: the statement.
            is_plain: whether it is in the file itself, so that it certainly runs.
        """
        learn = getattr(self, f"_{statement.kind}", None)
        self.is_plain = is_plain
        self.publications.learn(statement.kind, statement.node, self)
        if learn is not None:
            learn(statement, statement.node)
        for used, functions in implicit_calls.made(statement.kind, statement.node):
            self.behind[used] += functions

    def _variable_set_stmt(self, _: Statement, node: Any) -> None:
        if node.name == "search_path":
            first = node.args[0].a_const.sval.sval if node.args and self.is_plain else ""
            self.schema = UNKNOWN if not first or first.startswith("$") else first

    def _create_function_stmt(self, statement: Statement, node: Any) -> None:
        name = self.name(strings(node.funcname))
        body = routines.of_function(statement, name)
        if node.replace and len(self.routines[name]) <= 1:
            self.routines[name] = [body]
        else:
            self.routines[name].append(body)

    def _declare_cursor_stmt(self, _: Statement, node: Any) -> None:
        others = () if self.is_plain else self.cursors.get(node.portalname, ())
        self.cursors[node.portalname] = (*others, inner(node.query))

    def _close_portal_stmt(self, _: Statement, node: Any) -> None:
        if self.is_plain:
            self.cursors.pop(node.portalname, None)

    def _create_trig_stmt(self, _: Statement, node: Any) -> None:
        table = self.relation(node.relation)
        events = frozenset(name for name, bit in _BITS.items() if node.events & bit)
        self.triggers[table, node.trigname] = Trigger(table, events, self.name(strings(node.funcname)))

    def _create_stmt(self, _: Statement, node: Any) -> None:
        is_temporary = node.relation.relpersistence == _TEMPORARY or node.relation.schemaname == "pg_temp"
        if is_temporary and self.is_plain:
            self.temporary.add(node.relation.relname)
        table = self.new(node.relation)
        self.relations.add(table)
        if self.is_plain and not node.if_not_exists:
            self.made.add(table)
        for element in node.table_elts:
            kind = kind_of(element)
            if kind == "column_def":
                self.learn_column(table, element.column_def)
            elif kind == "constraint":
                self.learn_constraint(table, element.constraint)

    def _create_table_as_stmt(self, _: Statement, node: Any) -> None:
        target = node.into.rel
        if target.relpersistence == _TEMPORARY and self.is_plain:
            self.temporary.add(target.relname)
        name = self.new(target)
        self.relations.add(name)
        if word(node, "objtype") == "OBJECT_MATVIEW":
            self.views[name] = inner(node.query)
        if self.is_plain and not node.if_not_exists:
            self.made.add(name)

    def _create_seq_stmt(self, _: Statement, node: Any) -> None:
        name = self.new(node.sequence)
        self.relations.add(name)
        if self.is_plain and not node.if_not_exists:
            self.made.add(name)

    def _view_stmt(self, _: Statement, node: Any) -> None:
        self.relations.add(self.new(node.view))
        self.views[self.new(node.view)] = inner(node.query)

    def _rule_stmt(self, _: Statement, node: Any) -> None:
        event = word(node, "event").removeprefix("CMD_").lower()
        if event == "select" and node.actions:
            self.views[self.relation(node.relation)] = inner(node.actions[0])
        self.rules[self.relation(node.relation), node.rulename] = (event, list(node.actions))

    def learn_column(self, table: str, definition: Any) -> None:
        """Record a column."""
        self.columns[table, definition.colname] = column_type(definition.type_name)
        if definition.constraints or definition.HasField("raw_default"):
            self.defaults[table] += calls(definition)
        if self.behind:
            self.defaults[table] += self.behind.get(f"type {type_name(definition)}", ())
        for one in definition.constraints:
            self.learn_constraint(table, one.constraint, definition.colname)

    def learn_constraint(self, table: str, constraint: Any, column: str = "") -> None:
        """Record a constraint of a column or a table."""
        what = word(constraint, "contype")
        if what in ("CONSTR_NOTNULL", "CONSTR_PRIMARY"):
            keys = [column] if column else strings(constraint.keys)
            self.required |= {(table, one) for one in keys}
        if what == "CONSTR_FOREIGN":
            name = constraint.conname or f"{table} -> {self.relation(constraint.pktable)} {len(self.references)}"
            parent = self.relation(constraint.pktable)
            reference = ForeignKey(table, parent, constraint.fk_del_action)
            self.references[table, name] = reference
        test = constraint.raw_expr
        if what == "CONSTR_CHECK":
            self.defaults[table] += calls(constraint)
        if what == "CONSTR_CHECK" and constraint.conname and kind_of(test) == "null_test":
            of = strings(test.null_test.arg.column_ref.fields)[-1:]
            if of and word(test.null_test, "nulltesttype") == "IS_NOT_NULL":
                self.checks[table, constraint.conname] = (of[0], not constraint.skip_validation)

    def _alter_table_stmt(self, _: Statement, node: Any) -> None:
        table = self.relation(node.relation)
        for one in node.cmds:
            command = one.alter_table_cmd
            what = word(command, "subtype")
            if what == "AT_AddColumn":
                self.learn_column(table, definition(command).column_def)
            elif what == "AT_AddConstraint":
                self.learn_constraint(table, definition(command).constraint)
            elif what == "AT_ValidateConstraint" and (table, command.name) in self.checks:
                self.checks[table, command.name] = (self.checks[table, command.name][0], True)
            elif what == "AT_DropConstraint":
                self.checks.pop((table, command.name), None)
                self.references.pop((table, command.name), None)
            elif what == "AT_SetNotNull":
                self.required.add((table, command.name))
            elif what == "AT_DropNotNull":
                self.required.discard((table, command.name))
            elif what == "AT_AlterColumnType":
                self.columns[table, command.name] = column_type(definition(command).column_def.type_name)

    def _drop_stmt(self, _: Statement, node: Any) -> None:
        what = word(node, "remove_type")
        for one in node.objects:
            parts = named(one)
            name = self.name(parts)
            if what == "OBJECT_TABLE":
                if self.is_plain:
                    self.made.discard(name)
                    self.temporary.discard(name.removeprefix("pg_temp."))
                self._forget_table(name)
                self.relations.discard(name)
            elif what == "OBJECT_TRIGGER" and self.is_plain:
                self.triggers.pop((self.name(parts[:-1]), parts[-1]), None)
            elif what == "OBJECT_RULE" and self.is_plain:
                self.rules.pop((self.name(parts[:-1]), parts[-1]), None)
            elif what == "OBJECT_VIEW" and self.is_plain:
                self.views.pop(name, None)

    def _forget_table(self, table: str) -> None:
        by_table: tuple[dict[tuple[str, str], Any], ...] = (self.columns, self.checks, self.triggers, self.references)
        for kept in by_table:
            for key in [key for key in kept if key[0] == table]:
                del kept[key]
        self.required = {one for one in self.required if one[0] != table}

    def _rename_stmt(self, _: Statement, node: Any) -> None:
        what, old = word(node, "rename_type"), self.relation(node.relation)
        if what in RELATIONS:
            renamed.relation(self, old, ".".join([*old.split(".")[:-1], node.newname]))
        elif what == "OBJECT_COLUMN":
            renamed.column(self, old, node.subname, node.newname)

    def _alter_object_schema_stmt(self, _: Statement, node: Any) -> None:
        if node.HasField("relation"):
            old = self.relation(node.relation)
            renamed.relation(self, old, dotted([node.newschema, old.split(".")[-1]]))
