"""By which columns PostgreSQL names a row to the subscribers of a publication: each table's replica identity. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convos_infra.schema.tree import kind_of, named, strings, word

if TYPE_CHECKING:
    from convos_infra.schema.known import Known

ALL_COLUMNS = frozenset({"*"})
UNKNOWN_COLUMNS = frozenset({"?"})
"""Of an index that no migration creates."""
_DEFAULT, _FULL, _NOTHING, _INDEX = "d", "f", "n", "i"
"""pg_class.relreplident."""
_LIKE_INDEXES = 64
"""The bit of LIKE … INCLUDING INDEXES: postgres/src/include/nodes/parsenodes.h, CREATE_TABLE_LIKE_INDEXES."""
_PERMANENT = "p"
_LEAVES = frozenset({"AT_DetachPartition", "AT_DetachPartitionFinalize"})


@dataclass
class ReplicaIdentities:
    """Updated statement by statement; tables are named in our notation.

    Attributes:
        tables: the permanent tables.
        partitioned: the partitioned ones, which have no rows of their own.
        primary: by table, the name of its primary key, if that can be a replica identity.
        indexes: by table and name, the columns of a primary key or another unique index.
        chosen: by table, its REPLICA IDENTITY and the name of the index.
        parents: by table, the tables it inherits from, each with whether it is a partition of it.
        generated: by table, its generated columns.
    """

    tables: set[str] = field(default_factory=set)
    partitioned: set[str] = field(default_factory=set)
    primary: dict[str, str] = field(default_factory=dict)
    indexes: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    chosen: dict[str, tuple[str, str]] = field(default_factory=dict)
    parents: dict[str, dict[str, bool]] = field(default_factory=dict)
    generated: dict[str, set[str]] = field(default_factory=dict)

    def of(self, table: str) -> frozenset[str] | None:
        """Return the columns of a table's replica identity; None if it has none."""
        kind, index = self.chosen.get(table, (_DEFAULT, ""))
        if kind == _FULL:
            return ALL_COLUMNS
        if kind == _INDEX:
            return self.indexes.get((table, index), UNKNOWN_COLUMNS)
        return self._key(table) if kind == _DEFAULT else None

    def _key(self, table: str) -> frozenset[str] | None:
        """Return the columns of a primary key; a partition has that of its table."""
        if table in self.primary:
            return self.indexes[table, self.primary[table]]
        wholes = (parent for parent, is_partition in self.parents.get(table, {}).items() if is_partition)
        return next((found for found in map(self._key, wholes) if found is not None), None)

    def heirs(self, table: str, *, are_partitions: bool) -> Iterator[str]:
        """Return the partitions of a table, or the other tables that inherit from it, at any depth."""
        for child, parents in self.parents.items():
            if parents.get(table) is are_partitions:
                yield child
                yield from self.heirs(child, are_partitions=are_partitions)

    def learn(self, kind: str, node: Any, known: Known) -> None:
        """Record what a statement changes.

        Args:
            kind: its kind.
            node: its parse tree.
            known: the objects before it.
        """
        change = getattr(self, f"_{kind}", None)
        if change is not None:
            change(node, known)

    def _by_table(self) -> tuple[dict[str, Any], ...]:
        return (self.primary, self.chosen, self.parents, self.generated)

    def rename(self, old: str, new: str) -> None:
        """Rename a table, or move it to another schema."""
        for names in (self.tables, self.partitioned):
            if old in names:
                names ^= {old, new}
        for by_table in self._by_table():
            if old in by_table:
                by_table[new] = by_table.pop(old)
        for table, name in [one for one in self.indexes if one[0] == old]:
            self.indexes[new, name] = self.indexes.pop((table, name))
        for parents in self.parents.values():
            if old in parents:
                parents[new] = parents.pop(old)

    def _create_stmt(self, node: Any, known: Known) -> None:
        table = known.new(node.relation)
        if node.relation.relpersistence != _PERMANENT or (node.if_not_exists and table in self.tables):
            return
        self._forget(table)
        self.tables.add(table)
        if node.HasField("partspec"):
            self.partitioned.add(table)
        for one in node.inh_relations:
            self.parents.setdefault(table, {})[known.relation(one.range_var)] = node.HasField("partbound")
        for one in node.table_elts:
            if kind_of(one) == "column_def":
                self._column(table, one.column_def)
            elif kind_of(one) == "constraint":
                self._constraint(table, one.constraint)
            elif kind_of(one) == "table_like_clause" and one.table_like_clause.options & _LIKE_INDEXES:
                columns = self._key(known.relation(one.table_like_clause.relation))
                if columns:
                    self._set_primary(table, f"{node.relation.relname}_pkey", columns)

    def _create_table_as_stmt(self, node: Any, known: Known) -> None:
        if word(node, "objtype") == "OBJECT_TABLE" and node.into.rel.relpersistence == _PERMANENT:
            self.tables.add(known.new(node.into.rel))

    def _index_stmt(self, node: Any, known: Known) -> None:
        if node.unique and node.idxname:
            columns = frozenset(one.index_elem.name for one in node.index_params)
            self.indexes[known.relation(node.relation), node.idxname] = columns

    def _column(self, table: str, definition: Any) -> None:
        kinds = [word(one.constraint, "contype") for one in definition.constraints]
        if "CONSTR_GENERATED" in kinds:
            self.generated.setdefault(table, set()).add(definition.colname)
        for one, kind in zip(definition.constraints, kinds, strict=True):
            if kind in ("CONSTR_PRIMARY", "CONSTR_UNIQUE"):
                is_deferrable = "CONSTR_ATTR_DEFERRABLE" in kinds or "CONSTR_ATTR_DEFERRED" in kinds
                self._constraint(table, one.constraint, definition.colname, is_deferrable=is_deferrable)

    def _constraint(self, table: str, one: Any, column: str = "", *, is_deferrable: bool = False) -> None:
        kind = word(one, "contype")
        keys = [column] if column else strings(one.keys)
        last = ["pkey"] if kind == "CONSTR_PRIMARY" else [*keys, "key"]
        name = one.conname or one.indexname or "_".join([table.rpartition(".")[2], *last])
        columns = frozenset(keys)
        if one.indexname:
            self._rename_index(one.indexname, name)
            columns = self.indexes.get((table, name), UNKNOWN_COLUMNS)
        if kind == "CONSTR_PRIMARY" and not (one.deferrable or is_deferrable):
            self._set_primary(table, name, columns)
        elif kind == "CONSTR_UNIQUE":
            self.indexes[table, name] = columns

    def _set_primary(self, table: str, name: str, columns: frozenset[str]) -> None:
        self.primary[table] = name
        self.indexes[table, name] = columns

    def _drop_index(self, table: str, name: str) -> None:
        self.indexes.pop((table, name), None)
        if self.primary.get(table) == name:
            del self.primary[table]
        if self.chosen.get(table) == (_INDEX, name):
            self.chosen[table] = (_NOTHING, "")

    def _alter_table_stmt(self, node: Any, known: Known) -> None:
        table = known.relation(node.relation)
        for one in node.cmds:
            self._command(table, one.alter_table_cmd, known)

    def _command(self, table: str, command: Any, known: Known) -> None:
        what, value = word(command, "subtype"), getattr(command, "def")
        if what == "AT_AddColumn":
            self._column(table, value.column_def)
        elif what == "AT_AddConstraint":
            self._constraint(table, value.constraint)
        elif what == "AT_DropConstraint":
            self._drop_index(table, command.name)
        elif what in ("AT_DropColumn", "AT_DropExpression"):
            self.generated.get(table, set()).discard(command.name)
            if what == "AT_DropColumn":
                self._drop_indexes_of(table, command.name)
        elif what == "AT_ReplicaIdentity":
            self.chosen[table] = (value.replica_identity_stmt.identity_type, value.replica_identity_stmt.name)
        elif what == "AT_SetLogged":
            self.tables.add(table)
        else:
            self._inheritance(what, table, value, known)

    def _drop_indexes_of(self, table: str, column: str) -> None:
        for name in [name for (of, name), columns in self.indexes.items() if of == table and column in columns]:
            self._drop_index(table, name)

    def _inheritance(self, what: str, table: str, value: Any, known: Known) -> None:
        if what == "AT_AttachPartition":
            self.parents.setdefault(known.relation(value.partition_cmd.name), {})[table] = True
        elif what in _LEAVES:
            self._leave(known.relation(value.partition_cmd.name), table)
        elif what == "AT_AddInherit":
            self.parents.setdefault(table, {})[known.relation(value.range_var)] = False
        elif what == "AT_DropInherit":
            self._leave(table, known.relation(value.range_var))

    def _leave(self, table: str, parent: str) -> None:
        columns = self._key(table)
        if columns is not None and table not in self.primary:  # a partition keeps the key that it got
            self._set_primary(table, f"{table.rpartition('.')[2]}_pkey", columns)
        self.parents.get(table, {}).pop(parent, None)

    def _drop_stmt(self, node: Any, known: Known) -> None:
        what = word(node, "remove_type")
        for one in node.objects:
            if what == "OBJECT_TABLE":
                self._forget(known.name(named(one)))
            elif what == "OBJECT_INDEX":
                for table, name in [key for key in self.indexes if key[1] == named(one)[-1]]:
                    self._drop_index(table, name)

    def _forget(self, table: str) -> None:
        self.tables.discard(table)
        self.partitioned.discard(table)
        for by_table in self._by_table():
            by_table.pop(table, None)
        self.indexes = {key: one for key, one in self.indexes.items() if key[0] != table}

    def _rename_stmt(self, node: Any, known: Known) -> None:
        what = word(node, "rename_type")
        if what == "OBJECT_INDEX":
            self._rename_index(node.relation.relname, node.newname)
        elif what == "OBJECT_TABCONSTRAINT":
            self._rename_index(node.subname, node.newname)
        elif what == "OBJECT_COLUMN":
            self._rename_column(known.relation(node.relation), node.subname, node.newname)

    def _rename_index(self, old: str, new: str) -> None:
        for table, name in [one for one in self.indexes if one[1] == old]:
            self.indexes[table, new] = self.indexes.pop((table, name))
        self.primary = {table: new if name == old else name for table, name in self.primary.items()}
        self.chosen = {table: (kind, new if name == old else name) for table, (kind, name) in self.chosen.items()}

    def _rename_column(self, table: str, old: str, new: str) -> None:
        for key, columns in self.indexes.items():
            if key[0] == table and old in columns:
                self.indexes[key] = columns - {old} | {new}
        if old in self.generated.get(table, set()):
            self.generated[table] ^= {old, new}
